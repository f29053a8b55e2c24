"The demo's command: `python -m cjm_fasthtml_sse.demo`"
import json
import os
import secrets
import socket
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn
from fasthtml.common import FastHTML, Link
from fasthtml.pico import picolink
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import BackplaneError, backplane_from_url, setup_broadcast_routes, sse_headers

from .page import head

SETTINGS = 'CJM_FASTHTML_SSE_DEMO'  # environment variable with the options for the workers


def packages(folder: Path, htmx: int) -> dict[str, str]:
    "Return the URLs of the packages in `folder`, which may contain several versions of htmx under different names"
    urls = {}
    for file in sorted(folder.glob('*/package.json')):
        about = json.loads(file.read_text('utf-8'))
        if about['name'] == 'htmx.org' and not about['version'].startswith(f'{htmx}.'): continue
        urls[about['name']] = f'/npm/{file.parent.name}'
    return urls


def make_app(
    htmx: int = 2, # Major version of htmx on the page: 2 or 4
    folder: Path | None = None, # A `node_modules` folder with the page's files; None to use a CDN
    secret_key: str | None = None, # The same in all workers; None to create one
) -> FastHTML: # The demo application
    "Create the app; raise `ValueError` if `folder` lacks htmx or its extension"
    from .app import manager, routes, show  # these read the settings
    cdn, css = folder is None, '@picocss/pico/css/pico.min.css'
    pico = picolink if cdn or not (folder/css).is_file() else [Link(rel='stylesheet', href=f'/npm/{css}')]
    scripts = sse_headers(htmx, local=None if cdn else packages(folder, htmx))
    app = FastHTML(hdrs=(*pico, *scripts, *head()), htmx=cdn and htmx == 2, htmx4=cdn and htmx == 4, surreal=False,
                   htmlkw={'lang': 'en'}, secret_key=secret_key or secrets.token_hex())
    if not cdn: app.mount('/npm', StaticFiles(directory=folder))
    routes.to_app(app)
    setup_broadcast_routes(app, manager, element_builder=show)
    return app


def worker() -> FastHTML: # The same in each worker
    "Create the app of one worker, with the command's settings from the environment"
    settings = json.loads(os.environ[SETTINGS])
    folder = settings['htmx_from']
    return make_app(settings['htmx'], folder and Path(folder), settings['secret_key'])


def serve(listener: socket.socket, settings: dict, workers: int):
    "Serve until Ctrl-C; several workers share files in a temporary folder"
    with TemporaryDirectory() as folder:
        shared = dict(backplane=f'sqlite:///{folder}/events.db', state=f'{folder}/state.db')
        if workers > 1: settings = shared | settings
        os.environ[SETTINGS] = json.dumps(settings)
        options = dict(factory=True, log_level='warning', workers=workers, fd=listener.fileno())
        with suppress(KeyboardInterrupt): uvicorn.run('cjm_fasthtml_sse.demo.__main__:worker', **options)


def main():
    parser = ArgumentParser('python -m cjm_fasthtml_sse.demo', description='A page that keeps all tabs in sync')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (%(default)s), 0.0.0.0 for all')
    parser.add_argument('--port', type=int, default=5001, help='port to listen on (%(default)s), 0 for a free one')
    parser.add_argument('--htmx', type=int, choices=(2, 4), default=2, help='major version of htmx (%(default)s)')
    parser.add_argument('--htmx-from', type=Path, metavar='DIR', help='take htmx.org, htmx-ext-sse and @picocss/pico '
                        'from this node_modules, not from a CDN')
    parser.add_argument('--workers', type=int, default=1, help='number of server processes (%(default)s)')
    parser.add_argument('--backplane', metavar='URL', help='backplane of all workers, such as sqlite:///events.db or '
                        'redis://localhost; several workers without one share a temporary file')
    args = parser.parse_args()
    if args.workers < 1: parser.error(f'--workers must be at least 1, got {args.workers}')
    try: args.backplane and backplane_from_url(args.backplane)
    except (ValueError, BackplaneError) as e: parser.error(str(e))
    try: args.htmx_from and sse_headers(args.htmx, local=packages(args.htmx_from, args.htmx))
    except (ValueError, KeyError):
        needed = f'npm install htmx.org@{args.htmx} htmx-ext-sse @picocss/pico'
        parser.error(f'{args.htmx_from} does not contain htmx {args.htmx} and its extension; run: {needed}')
    try: listener = socket.create_server((args.host, args.port))
    except (OSError, OverflowError) as e: parser.error(f'cannot listen on port {args.port} of {args.host}: {e}')
    host, port = listener.getsockname()[:2]
    url = f'http://{"localhost" if host in ("127.0.0.1", "0.0.0.0") else host}:{port}'
    print(f'Open {url} in two tabs. Press Ctrl-C to stop.', flush=True)
    settings = dict(htmx=args.htmx, htmx_from=args.htmx_from and str(args.htmx_from), secret_key=secrets.token_hex())
    if args.backplane: settings['backplane'] = args.backplane
    serve(listener, settings, args.workers)


if __name__ == '__main__': main()
