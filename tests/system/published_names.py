"""Print as JSON what the first `cjm_fasthtml_sse` on the path has: its modules, their names, and what old code does.

    python published_names.py [FILE]

With FILE, an application written for 0.0.24, it runs the application and prints the data of its first event as well.
"""

import inspect
import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import cjm_fasthtml_sse
from starlette.testclient import TestClient

PREFIX = "cjm_fasthtml_sse."


def modules():
    "The names of all modules that have names, without the package's own"
    found = (each.name for each in pkgutil.walk_packages(cjm_fasthtml_sse.__path__, PREFIX))
    return [name for name in found if not name.endswith("_modidx") and getattr(import_module(name), "__all__", None)]


def members(of):
    "The public methods and properties that a class defines"
    if not inspect.isclass(of): return []
    kinds = property, staticmethod, classmethod
    return [name for name, each in vars(of).items()
            if not name.startswith("_") and (isinstance(each, kinds) or inspect.isfunction(each))]


def names(module):
    "The public names of a module, and those of their methods as `Class.method`"
    held = import_module(module)
    found = [(name, getattr(held, name)) for name in held.__all__]
    return [each for name, of in found for each in (name, *(f"{name}.{member}" for member in members(of)))]


def first_event(app):
    "The data of the first event of `/events` after a POST to `/add`"
    client = TestClient(app)
    with client.stream("GET", "/events") as stream:
        client.post("/add", data={"n": 3})
        data = []
        for line in stream.iter_lines():
            if line.startswith("data:"): data.append(line.removeprefix("data:").strip())
            elif data and not line: return "".join(data)


def monitor():
    "The name of the error that the monitor of 0.0.24 raises, or None"
    from cjm_fasthtml_sse.htmx import HTMXSSEConnector
    from cjm_fasthtml_sse.monitoring import SSEMonitorConfig, create_sse_monitor
    try: create_sse_monitor(HTMXSSEConnector, SSEMonitorConfig())
    except NameError as e: return e.name


if __name__ == "__main__":
    found = dict(version=cjm_fasthtml_sse.__version__)
    found["modules"] = {name.removeprefix(PREFIX): names(name) for name in modules()}
    if sys.argv[1:]:
        exec(compile(Path(sys.argv[1]).read_text(encoding="utf-8"), "before", "exec"), space := {})
        found |= dict(event=first_event(space["app"]), missing=monitor())
    print(json.dumps(found))
