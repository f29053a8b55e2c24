"""Write `cjm_fasthtml_sse/_exports.py`: which module of the package holds each public name.

A module may list a name that it only imports, so that a name of an older version keeps its address. The table then
names the module that defines it.
"""

from pathlib import Path

from rooms import APART, PACKAGE, Room, all_rooms

TABLE = PACKAGE / "_exports.py"
# Names that other modules use and applications do not, and that are still exported with `#| export`. With `#| exporti`
# a name is not in `__all__` and needs no entry here, so this table only shrinks.
INTERNAL = {
    "backplanes.sqlite": "SqliteBackplane",  # `import *` must load neither sqlite3 nor redis
    "backplanes.redis": "RedisBackplane",
}
APART_HEAD = '''"The module that holds each public name of this wing. Written by `make export`: do not edit."

modules = {
'''
HEAD = '''"The module that holds each public name. Written by `make export` from their `__all__`: do not edit."

modules = {
'''


def public_names(room: Room) -> list[str]:
    "The names in the `__all__` of `room`, without the internal ones."
    internal = INTERNAL.get(room.name, "").split()
    return [name for name in room.public if name not in internal]


def find_exports(package: Path, wings: tuple[str, ...] | None = None) -> tuple[dict[str, str], list[str]]:
    """Each public name of `package` with the module that defines it, by module and place; and a line for each fault.

    Those of `wings`, or of all that are not apart."""
    homes, listed, problems = {}, {}, []
    for module, room in all_rooms(package).items():
        if room.wing not in wings if wings else room.wing in APART: continue
        for name in public_names(room):
            listed.setdefault(name, module)
            if name not in room.definitions: continue
            if name in homes: problems.append(f"{name} is public in {homes[name]} and {module}: make one private")
            homes.setdefault(name, module)
    problems += [f"{name} is public in {listed[name]} and defined nowhere" for name in listed.keys() - homes.keys()]
    return homes, problems


def render(exports: dict[str, str], head: str = HEAD) -> str:
    "The text of the table's module."
    return head + "".join(f'    "{name}": "{module}",\n' for name, module in exports.items()) + "}\n"


def write(path: Path, text: str):
    "Write `text` unless the file has it already."
    if not path.exists() or path.read_text(encoding="utf-8") != text: path.write_text(text, encoding="utf-8")


def main():
    homes, problems = find_exports(PACKAGE)
    write(TABLE, render(homes))
    for wing in APART:
        names, wrong = find_exports(PACKAGE, (wing,))
        inside = {name: module.removeprefix(f"{wing}.") for name, module in names.items()}
        write(PACKAGE / wing / "_exports.py", render(inside, APART_HEAD))
        problems += wrong
    if problems: raise SystemExit("\n".join(problems))


if __name__ == "__main__": main()
