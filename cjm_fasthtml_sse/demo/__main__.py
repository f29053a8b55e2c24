"The demo's command: `python -m cjm_fasthtml_sse.demo`"
import json
import os
import socket
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from cjm_fasthtml_sse import BackplaneError, backplane_from_url

from .page import head, packages

SETTINGS = 'CJM_FASTHTML_SSE_DEMO'  # environment variable with the options, which the workers read


def serve(listener: socket.socket, settings: dict, workers: int):
    "Serve until Ctrl-C; several workers share files in a temporary folder"
    with TemporaryDirectory() as folder:
        shared = dict(backplane=f'sqlite:///{folder}/events.db', state=f'{folder}/state.db')
        if workers > 1: settings = shared | settings
        os.environ[SETTINGS] = json.dumps(settings)
        options = dict(log_level='warning', workers=workers, fd=listener.fileno())
        with suppress(KeyboardInterrupt): uvicorn.run('cjm_fasthtml_sse.demo.app:app', **options)


def main():
    parser = ArgumentParser('python -m cjm_fasthtml_sse.demo', description='A page that keeps all tabs in sync')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (%(default)s), 0.0.0.0 for all')
    parser.add_argument('--port', type=int, default=5001, help='port to listen on (%(default)s), 0 for a free one')
    parser.add_argument('--htmx', type=int, choices=(2, 4), default=2, help='major version of htmx (%(default)s)')
    parser.add_argument('--htmx-from', type=Path, metavar='DIR', help='take htmx.org, htmx-ext-sse, idiomorph and '
                        '@picocss/pico from this node_modules, not from a CDN')
    parser.add_argument('--workers', type=int, default=1, help='number of server processes (%(default)s)')
    parser.add_argument('--backplane', metavar='URL', help='backplane of all workers, such as sqlite:///events.db or '
                        'redis://localhost; several workers without one share a temporary file')
    args = parser.parse_args()
    if args.workers < 1: parser.error(f'--workers must be at least 1, got {args.workers}')
    try: args.backplane and backplane_from_url(args.backplane)
    except (ValueError, BackplaneError) as e: parser.error(str(e))
    try: args.htmx_from and head(args.htmx, packages(args.htmx_from, args.htmx))
    except (ValueError, KeyError):
        needed = f'npm install htmx.org@{args.htmx} htmx-ext-sse idiomorph @picocss/pico'
        parser.error(f'{args.htmx_from} does not contain htmx {args.htmx} and its extension; run: {needed}')
    try: listener = socket.create_server((args.host, args.port))
    except (OSError, OverflowError) as e: parser.error(f'cannot listen on port {args.port} of {args.host}: {e}')
    host, port = listener.getsockname()[:2]
    url = f'http://{"localhost" if host in ("127.0.0.1", "0.0.0.0") else host}:{port}'
    print(f'Open {url} in two tabs. Press Ctrl-C to stop.', flush=True)
    settings = dict(htmx=args.htmx, htmx_from=args.htmx_from and str(args.htmx_from))
    if args.backplane: settings['backplane'] = args.backplane
    serve(listener, settings, args.workers)


if __name__ == '__main__': main()
