"""A server of its own process: `python app.py plain|async`, `python app.py room ENGINE`. It prints its URL.

`python app.py touch ENGINE` touches `rows` and ends.
"""
import asyncio
import socket
import sys
import threading

import uvicorn
from fasthtml.common import Beforeware, FastHTML, P

from cjm_fasthtml_sse import BroadcastManager, Live

way, *engine = sys.argv[1:]


def sign_in(req): req.scope['auth'] = req.headers.get('x-user') or None


app, hangs, is_hanging = FastHTML(before=Beforeware(sign_in), secret_key='a secret of the tests'), [], []
live = Live(app, manager=BroadcastManager(backplane=engine[0]) if engine else None)


def plain():
    if hangs:
        is_hanging.append(1)
        threading.Event().wait()
    return P('board')


async def on_loop():
    if hangs:
        is_hanging.append(1)
        await asyncio.Event().wait()
    return P('board')


def who(presence): return P(' '.join(presence.users) or 'nobody')


board = live.region('rows', min_interval=0)(on_loop if way == 'async' else plain)
room = live.region(live.presence('room'), min_interval=0)(who)


@app.get('/board')
async def show():
    shown = board()
    return await shown if way == 'async' else shown


@app.get('/who')
def show_room(): return room()


@app.get('/hang')
def hang():
    hangs.append(1)
    live.touch('rows')


@app.get('/is_hanging')
def tell(): return str(bool(is_hanging))


@app.get('/end')
def end(): server.should_exit = True


async def touch():
    async with live.manager.lifespan():
        for each in live.touch('rows'): await asyncio.wrap_future(each)


if __name__ == '__main__':
    if way == 'touch': asyncio.run(touch())
    else:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            print(f'http://127.0.0.1:{listener.getsockname()[1]}', flush=True)
            config = uvicorn.Config(app, fd=listener.fileno(), log_level='critical', timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            server.run()
