"""The contract of version 0.0.12: its 39 functions, classes and methods, in the modules where it had them.

The table was copied from the description of 0.0.12 on PyPI. `test_the_table_is_that_of_0_0_12` compares it with the
published package, if pip can download that; `python test_seed.py` prints what the first package on the path has.
"""

import asyncio
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from enum import Enum, EnumMeta
from importlib import import_module

import cjm_fasthtml_sse
import pytest

ASYNC, GENERATOR, CLASS = "async def", "async generator", "class"
STATES = "CONNECTING CONNECTED DISCONNECTED ERROR RECONNECTING"
# Module, kind, name, parameters. A class has the parameters of its constructor, and an Enum has its members.
# `<factory>` is a default that each instance creates anew. The description writes it as `field(...)`.
TABLE = [
    ("broadcast", "def", "create_broadcast_handler", "manager, element_builder=None"),
    ("broadcast", "def", "setup_broadcast_routes", "app, manager, prefix='/sse', element_builder=None"),
    ("broadcast", CLASS, "BroadcastMessage", "type, data, timestamp=<factory>, metadata=None"),
    ("broadcast", "def", "BroadcastMessage.to_dict", "self"),
    ("broadcast", "def", "BroadcastMessage.to_json", "self"),
    ("broadcast", "def", "BroadcastMessage.to_sse", "self, event_type='message'"),
    ("broadcast", CLASS, "BroadcastManager", "max_queue_size=100, history_limit=50, queue_timeout=0.1, debug=False"),
    ("broadcast", ASYNC, "BroadcastManager.register", "self, connection_id=None, metadata=None"),
    ("broadcast", ASYNC, "BroadcastManager.unregister", "self, connection_id"),
    ("broadcast", ASYNC, "BroadcastManager.broadcast", "self, message_type, data, metadata=None, exclude=None"),
    ("broadcast", ASYNC, "BroadcastManager.send_to", "self, connection_id, message_type, data, metadata=None"),
    ("broadcast", "def", "BroadcastManager.get_connection_count", "self"),
    ("broadcast", "def", "BroadcastManager.get_history", "self, limit=None"),
    ("connections", "def", "create_sse_element",
     "endpoint, element_id=None, swap_strategy='message', hidden=False, **attrs"),
    ("connections", "def", "cleanup_sse_on_unload", ""),
    ("connections", "def", "create_reconnection_script", "check_interval=5000, max_retries=5, debug=False"),
    ("connections", "def", "create_connection_manager_script",
     "registry_endpoint='/sse/connections', update_interval=10000"),
    ("connections", CLASS, "ConnectionState", ", ".join(f"{name}='{name.lower()}'" for name in STATES.split())),
    ("connections", CLASS, "SSEConnection",
     "connection_id, queue, connection_type='global', state=ConnectionState.CONNECTING, metadata=<factory>, "
     "created_at=<factory>, last_activity=<factory>, message_count=0"),
    ("connections", ASYNC, "SSEConnection.send", "self, data, timeout=1.0"),
    ("connections", ASYNC, "SSEConnection.heartbeat", "self"),
    ("connections", "def", "SSEConnection.close", "self"),
    ("connections", "def", "SSEConnection.is_active", "self"),
    ("connections", CLASS, "ConnectionRegistry", "debug=False"),
    ("connections", ASYNC, "ConnectionRegistry.add_connection",
     "self, conn_id=None, conn_type='global', queue_size=100, metadata=None"),
    ("connections", ASYNC, "ConnectionRegistry.remove_connection", "self, conn_id"),
    ("connections", "def", "ConnectionRegistry.get_connection", "self, conn_id"),
    ("connections", "def", "ConnectionRegistry.get_connections", "self, conn_type=None"),
    ("connections", "def", "ConnectionRegistry.get_active_connections", "self, conn_type=None"),
    ("connections", "def", "ConnectionRegistry.get_stats", "self"),
    ("streaming", CLASS, "StreamConfig",
     "heartbeat_interval=30.0, timeout=None, send_initial_message=True, initial_message='Connected', "
     "send_close_message=True, close_message='Connection closed', debug=False"),
    ("streaming", CLASS, "SSEStream", "config=None"),
    ("streaming", GENERATOR, "SSEStream.stream", "self, data_source, transform_fn=None"),
    ("streaming", "def", "SSEStream.stop", "self"),
    ("streaming", CLASS, "OOBStreamBuilder", ""),
    ("streaming", "def", "OOBStreamBuilder.add_element",
     "self, element, target_id=None, swap_mode='innerHTML', wrap=True"),
    ("streaming", "def", "OOBStreamBuilder.add_elements", "self, elements"),
    ("streaming", "def", "OOBStreamBuilder.build", "self"),
    ("streaming", "def", "OOBStreamBuilder.clear", "self"),
]
# What 0.0.12 had as attributes. Its description does not list them, but applications read them.
ATTRIBUTES = {
    "BroadcastManager": "connections connection_metadata history lock max_queue_size queue_timeout debug",
    "BroadcastMessage": "type data timestamp metadata",
    "SSEConnection": "connection_id queue connection_type state metadata created_at last_activity message_count",
    "ConnectionRegistry": "connections connections_by_type lock debug",
    "SSEStream": "config",
    "OOBStreamBuilder": "elements",
}
POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


def find(module: str, name: str):
    "The object that a row names."
    found = import_module(f"cjm_fasthtml_sse.core.{module}")
    for part in name.split("."): found = getattr(found, part)
    return found


def parameters(of: Callable) -> list[inspect.Parameter]:
    "The parameters of a function, or of the constructor of a class."
    return list(inspect.signature(of).parameters.values())


def shown(parameter: inspect.Parameter) -> str:
    "A parameter as the table has it: without its type."
    name = f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else parameter.name
    if parameter.default is parameter.empty: return name
    default = parameter.default
    return f"{name}={default if isinstance(default, Enum) else repr(default)}"


def described(of) -> str:
    "All parameters of a function or class, or all members of an Enum, in one line."
    if isinstance(of, EnumMeta): return ", ".join(f"{member.name}={member.value!r}" for member in of)
    return ", ".join(map(shown, parameters(of)))


def kind_of(of) -> str:
    "How the definition of a function or class starts."
    if isinstance(of, type): return CLASS
    if inspect.isasyncgenfunction(of): return GENERATOR
    return ASYNC if inspect.iscoroutinefunction(of) else "def"


def has_attributes() -> dict[str, list[str]]:
    "For each class of `ATTRIBUTES`, which of its attributes an instance has."
    from cjm_fasthtml_sse.core import broadcast, connections, streaming
    made = [broadcast.BroadcastManager(), broadcast.BroadcastMessage("t", {}),
            connections.SSEConnection("a", asyncio.Queue()), connections.ConnectionRegistry(),
            streaming.SSEStream(), streaming.OOBStreamBuilder()]
    return {type(each).__name__: [name for name in ATTRIBUTES[type(each).__name__].split() if hasattr(each, name)]
            for each in made}


def test_the_table_has_every_signature():
    assert len({name for _, _, name, _ in TABLE}) == len(TABLE) == 39


@pytest.mark.parametrize("module, kind, name, text", TABLE, ids=[name for _, _, name, _ in TABLE])
def test_a_signature_begins_as_in_0_0_12(module, kind, name, text):
    """The parameters of 0.0.12 come first, in its order and with its defaults, and can be given by position or name.

    Newer parameters follow them and are optional, so a call that was written for 0.0.12 means the same.
    """
    ours = find(module, name)
    if not name.count("."): assert getattr(cjm_fasthtml_sse, name) is ours
    if isinstance(ours, EnumMeta):
        assert described(ours) == text
        return
    expected = text.split(", ") if text else []
    rest = [each for each in expected if each.startswith("**")]
    expected = expected[:len(expected) - len(rest)]
    found = parameters(ours)
    assert [shown(p) for p in found[:len(expected)]] == expected
    assert all(p.kind is POSITIONAL for p in found[:len(expected)])
    added = found[len(expected):]
    assert set(rest) <= {shown(p) for p in added if p.kind is p.VAR_KEYWORD}
    assert all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in added), "a newer parameter has no default"
    if kind is not GENERATOR: assert kind_of(ours) == kind


def test_a_stream_is_an_async_generator():
    frames = cjm_fasthtml_sse.SSEStream().stream([])
    assert all(hasattr(frames, name) for name in ("__anext__", "aclose", "asend"))


def test_instances_have_the_attributes_of_0_0_12():
    assert has_attributes() == {name: text.split() for name, text in ATTRIBUTES.items()}


def test_the_table_is_that_of_0_0_12(published):
    env = {**os.environ, "PYTHONPATH": str(published)}
    done = subprocess.run([sys.executable, __file__], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == "0.0.12"
    assert found["rows"] == [list(row) for row in TABLE]
    assert found["attributes"] == {name: text.split() for name, text in ATTRIBUTES.items()}


if __name__ == "__main__":
    found = [(module, name, find(module, name)) for module, _, name, _ in TABLE]
    rows = [(module, kind_of(of), name, described(of)) for module, name, of in found]
    print(json.dumps(dict(version=cjm_fasthtml_sse.__version__, rows=rows, attributes=has_attributes())))
