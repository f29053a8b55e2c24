"""The package in a FastHTML app, by its public API only.

`BENCH_PACKAGE` is the folder of an unpacked release, `BENCH_BACKPLANE` the address of a backplane."""
import os
import sys
if folder := os.environ.get('BENCH_PACKAGE'): sys.path.insert(0, folder)

import cjm_fasthtml_sse
from cjm_fasthtml_sse.core.broadcast import BroadcastManager, setup_broadcast_routes
from fasthtml.common import FastHTML
from common import DATA, serve

if folder and not cjm_fasthtml_sse.__file__.startswith(folder): sys.exit(f'not the release in {folder}')
backplane = dict(backplane=url) if (url := os.environ.get('BENCH_BACKPLANE')) else {}
manager, app = BroadcastManager(**backplane), FastHTML(secret_key='benchmark')
setup_broadcast_routes(app, manager)

async def publish(kind): await manager.broadcast('tick', DATA[kind])

serve(app, publish, '/sse/broadcast')
