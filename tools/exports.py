"""Write `cjm_fasthtml_sse/_exports.py`: which module of the package holds each public name.

A module may list a name that it only imports, so that a name of an older version keeps its address. The table then
names the module that defines it.
"""

from pathlib import Path

from rooms import PACKAGE, Room, all_rooms

TABLE = PACKAGE / "_exports.py"
# Names that other modules use and applications do not, and that are still exported with `#| export`. With `#| exporti`
# a name is not in `__all__` and needs no entry here, so this table only shrinks.
INTERNAL = {
    "backplanes.sqlite": "SqliteBackplane",  # `import *` must load neither sqlite3 nor redis
    "backplanes.redis": "RedisBackplane",
}
HEAD = '''"The module that holds each public name. Written by `make export` from their `__all__`: do not edit."

modules = {
'''


def public_names(room: Room) -> list[str]:
    "The names in the `__all__` of `room`, without the internal ones."
    internal = INTERNAL.get(room.name, "").split()
    return [name for name in room.public if name not in internal]


def find_exports(package: Path) -> tuple[dict[str, str], list[str]]:
    "Each public name of `package` with the module that defines it, by module and place; and a line for each fault."
    homes, listed, problems = {}, {}, []
    for module, room in all_rooms(package).items():
        for name in public_names(room):
            listed.setdefault(name, module)
            if name not in room.definitions: continue
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
