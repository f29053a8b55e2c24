"""Write `cjm_fasthtml_sse/_exports.py`: which module of the package holds each public name.

A module may list a name that it only imports (a name of an older version keeps its old address so); the table then
names the module that defines it. The modules are read, not imported, so that a broken one does not stand in the way.
"""

import ast
from pathlib import Path

from tree import ROOT

PACKAGE = ROOT / "cjm_fasthtml_sse"
TABLE = PACKAGE / "_exports.py"
WINGS = ("runtime", "events", "asgi", "browser", "backplanes", "cluster", "core")  # what is imported comes first
# What modules share with each other and applications have no use for: it is imported from its module only.
INTERNAL = {
    "runtime.process": "in_each_child this_process lives copies",
    "events.topics": "CONTROL PRIVATE matching_patterns TopicIndex private_topic covers meets",
    "events.wire": "RESERVED check_name",
    "events.record": "VERSION EVENT_OVERHEAD",
    "events.log": "Trimmed Resume",
    "events.marks": "MARK MOST_LACKED mark_of lacking",
    "events.mailbox": "MAX_SEND_BYTES HOLDS TELL_EVERY Counters",
    "asgi.shutdown":
        "SEARCH_INTERVAL POLL_INTERVAL SIGNALS closing_frame find_servers is_shutting_down on_shutdown remove "
        "wrap_lifespan",
    "asgi.scheduler": "BATCH SLOTS FlushScheduler HeartbeatTimer",
    "asgi.stream": "CLOSING_TIMEOUT transport_of",
    "asgi.server_stream":
        "CANCEL HELD ServerStream OwnTransport SharedConnection UvicornStream HypercornStream "
        "find_server_stream tell_unbounded",
    "asgi.response": "OPENING HANDOVER_TIMEOUT HEADERS",
    "asgi.sources": "CLOSE_TIMEOUT check_source open_source close_source",
    "asgi.workers": "LOOKS TOGETHER WorkerWatch listening_siblings look_for_workers said_workers",
    "backplanes.memory": "from_url",
    "backplanes.sqlite": "SqliteBackplane from_url",  # sqlite3 and redis are loaded by who names an address
    "backplanes.redis": "RedisBackplane from_url",
    "cluster.relay": "Hooks Relay",
    "core.access":
        "GUEST_PREFIX MAX_USER check_user user_topic secret_key_of user_tag call_hook find_user "
        "guest_user check_origin authorized read_token granted EXPOSED_HEADERS",
    "core.presence_events": "PresenceTracker",
    "core.routes": "MAX_QUERY MAX_TABS RETRY_AFTER refusal Rules BroadcastResponse",
    "core.connections": "SHUT",
    "core.subscribers": "StreamConnection QueueConnection Leaving",
    "core.revocations": "MOST MOST_OF_ONE Revocations",
}
HEAD = '''"The module that holds each public name. Written by `make export` from their `__all__`: do not edit."

modules = {
'''


def assigned(node) -> list[str]:
    "The names that the top-level statement `node` binds by a definition or an assignment, which an import is not."
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def public_names(path: Path) -> tuple[list[str], set[str]]:
    "`__all__` of the module at `path` without what is internal, and the names that it defines itself."
    body = ast.parse(path.read_text(encoding="utf-8")).body
    listed = [node.value for node in body if isinstance(node, ast.Assign) and assigned(node) == ["__all__"]]
    internal = INTERNAL.get(f"{path.parent.name}.{path.stem}", "").split()
    names = ast.literal_eval(listed[-1]) if listed else []
    return [n for n in names if n not in internal], {name for node in body for name in assigned(node)}


def find_exports(package: Path) -> tuple[dict[str, str], list[str]]:
    "Each public name of `package`'s wings with the module that defines it, by module and place; and what is wrong."
    homes, listed, problems = {}, {}, []
    for path in (each for wing in WINGS for each in sorted((package / wing).glob("[!_]*.py"))):
        module, (names, own) = f"{path.parent.name}.{path.stem}", public_names(path)
        for name in names:
            listed.setdefault(name, module)
            if name not in own: continue
            if name in homes: problems.append(f"{name} is public in {homes[name]} and {module}: make one private")
            homes.setdefault(name, module)
    problems += [f"{name} is public in {listed[name]} and defined nowhere" for name in listed.keys() - homes.keys()]
    return homes, problems


def render(exports: dict[str, str]) -> str:
    "The text of the table's module."
    return HEAD + "".join(f'    "{name}": "{module}",\n' for name, module in exports.items()) + "}\n"


def main():
    homes, problems = find_exports(PACKAGE)
    text = render(homes)
    if not TABLE.exists() or TABLE.read_text(encoding="utf-8") != text: TABLE.write_text(text, encoding="utf-8")
    if problems: raise SystemExit("\n".join(problems))


if __name__ == "__main__": main()
