"An application that announces presence, in a separate process that a test can kill"
import http.client
import json
import os
import sys
from pathlib import Path

from cjm_fasthtml_sse import setup_broadcast_routes
from ports import free_port
from fasthtml.common import FastHTML
from asgi.clients import PATIENCE, Server
from starlette.responses import JSONResponse

from .nodes import SECRET, Node, sign_in
from settings import make_manager

HERE = str(Path(__file__).parents[2])


class Worker(Server):
    "The application of `make`, under uvicorn"
    subscribe = Node.subscribe

    def __init__(self, folder, url, beat):
        port = free_port()
        given = ['--factory', '--app-dir', HERE, '--port', str(port), '--no-access-log']
        env = dict(ACCESS_TEST=json.dumps(dict(backplane=url, report_interval=beat)))
        command = [sys.executable, '-m', 'uvicorn', 'core.access.workers:make', *given]
        super().__init__(command, port, folder, env, '/nodes')

    def ask(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        connection.request('GET', path)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, (answer.status, text, self.log[-2000:])
        return json.loads(text)

    def kill(self): self.stop()


def make():
    app = FastHTML(secret_key=SECRET, before=sign_in)
    manager = make_manager(**json.loads(os.environ['ACCESS_TEST']))
    manager.announce_presence('room/*', down_period=0.5, interval=0.1)
    setup_broadcast_routes(app, manager)
    async def nodes(): return JSONResponse(len(manager.cluster.nodes()))
    async def presence(topic: str): return JSONResponse(list((await manager.presence(topic)).users))
    for each in (nodes, presence): app.get(f'/{each.__name__}')(each)
    return app
