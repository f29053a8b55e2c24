"A server of one example, with the version of htmx that a test asks for: `runs_example.py EXAMPLE PORT MAJOR`"
import importlib
import sys
from functools import partial
from pathlib import Path

import fasthtml.common
import uvicorn

if __name__ == '__main__':
    name, port, major = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parents[2]/'examples'))
    fasthtml.common.fast_app = partial(fasthtml.common.fast_app, htmx4=major == '4')
    uvicorn.run(importlib.import_module(name).app, host='127.0.0.1', port=int(port), log_level='warning')
