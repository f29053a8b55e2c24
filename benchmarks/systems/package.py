"""The package in a FastHTML app, by its public API only. `BENCH_PACKAGE` is the folder of an unpacked release."""
import os
import sys
if folder := os.environ.get('BENCH_PACKAGE'): sys.path.insert(0, folder)

import cjm_fasthtml_sse
from cjm_fasthtml_sse.core.broadcast import BroadcastManager, setup_broadcast_routes
from fasthtml.common import FastHTML
from common import DATA, serve

if folder and not cjm_fasthtml_sse.__file__.startswith(folder): sys.exit(f'not the release in {folder}')
manager, app = BroadcastManager(), FastHTML(secret_key='benchmark')
setup_broadcast_routes(app, manager)

async def publish(kind): await manager.broadcast('tick', DATA[kind])

serve(app, publish, '/sse/broadcast')
