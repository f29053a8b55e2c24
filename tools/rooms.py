"""The package's modules as their source shows them, without importing them: names, definitions and imports.

A wing is a folder of the package, a room one of its modules. `MAY_IMPORT` is the table that tests/system/test_wings.py
holds the package to.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from tree import ROOT

PACKAGE = ROOT / "cjm_fasthtml_sse"
# Each wing with the wings that it may import. Bottom first, which is also the order of the table of public names.
MAY_IMPORT = {
    "runtime": (),
    "events": ("runtime",),
    "asgi": ("runtime", "events"),
    "browser": ("runtime", "events"),
    "backplanes": ("runtime", "events"),
    "cluster": ("runtime", "events", "backplanes"),
    "core": ("runtime", "events", "asgi", "browser", "backplanes", "cluster"),
    "tables": ("runtime", "events", "backplanes"),
    "live": ("runtime", "events", "asgi", "browser", "backplanes", "cluster", "core", "tables"),
    "testing": ("runtime", "events", "asgi", "browser", "backplanes", "cluster", "core", "tables", "live"),
}
WINGS = tuple(MAY_IMPORT)
APART = ("testing",)  # Wings whose names are imported from the wing itself, and not from the package
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Room:
    "One module of the package."
    path: Path  # Of its file, below `package`
    package: Path = PACKAGE  # The package's folder

    @cached_property
    def name(self) -> str:
        "Its name without the package's, as in `core.broadcast`."
        return ".".join(self.path.relative_to(self.package).with_suffix("").parts)

    @property
    def wing(self) -> str:
        "The folder that it is in, or nothing for a module at the top."
        return self.name.rpartition(".")[0]

    @cached_property
    def source(self) -> str:
        "The text of its file."
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        "Its syntax tree."
        return ast.parse(self.source)

    @cached_property
    def public(self) -> list[str]:
        "The names in its `__all__`."
        listed = [node.value for node in self.tree.body if bound(node) == ["__all__"]]
        return ast.literal_eval(listed[-1]) if listed and isinstance(listed[-1], ast.List) else []

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        "Each name that it binds at the top by a definition or an assignment, which an import is not."
        return {name: node for node in self.tree.body if not is_patch(node) for name in bound(node)}

    @cached_property
    def imports(self) -> list[tuple[str, str, bool]]:
        "Module and name of each import from the package, and whether it is at the top of the file."
        top = set(map(id, self.tree.body))
        return [(module, alias.name, id(node) in top) for node in ast.walk(self.tree)
                if isinstance(node, ast.ImportFrom) and (module := self.imported_module(node)) is not None
                for alias in node.names]

    def imported_module(self, node: ast.ImportFrom) -> str | None:
        "The module of the package that `node` imports from, `''` for the package itself, or None for a foreign one."
        names = node.module.split(".") if node.module else []
        if node.level: return ".".join([*self.name.split(".")[:-node.level], *names])
        return ".".join(names[1:]) if names[:1] == [self.package.name] else None

    def imported_rooms(self, known: set[str]) -> set[str]:
        "Those of the modules `known` that it imports, whole or in part."
        both = ((f"{module}.{name}".lstrip("."), module) for module, name, _ in self.imports)
        return {whole if whole in known else module for whole, module in both} & known


def bound(node: ast.stmt) -> list[str]:
    "The names that a statement binds by a definition or an assignment."
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)): return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def is_patch(node: ast.stmt) -> bool:
    "Whether a statement adds a method to a class by fastcore's `patch`."
    return isinstance(node, FUNCTIONS) and any(ast.unparse(d).startswith("patch") for d in node.decorator_list)


def patched_class(node: ast.stmt) -> str:
    "The name of the class that a `patch` adds to."
    return ast.unparse(node.args.args[0].annotation).strip("'\"")


def all_rooms(package: Path = PACKAGE) -> dict[str, Room]:
    "Every room by its name, the wings bottom first."
    return {name: room for wing in WINGS for name, room in rooms_of(wing, package).items()}


@cache
def rooms_of(wing: str, package: Path = PACKAGE) -> dict[str, Room]:
    "The rooms of one wing by their names."
    found = (Room(path, package) for path in sorted((package / wing).glob("[!_]*.py")))
    return {room.name: room for room in found}


def all_modules(package: Path = PACKAGE) -> dict[str, Room]:
    "Every module of the package by its name, those outside the wings too."
    found = (Room(path, package) for path in sorted(package.rglob("*.py")) if path.name != "_modidx.py")
    return {room.name: room for room in found}


def arrows(rooms: dict[str, Room]) -> dict[str, set[str]]:
    "For each of `rooms`, those that it imports."
    known = set(rooms)
    return {name: room.imported_rooms(known) - {name} for name, room in rooms.items()}


def wing_arrows(rooms: dict[str, Room]) -> dict[str, set[str]]:
    "For each wing, the other wings that its rooms import."
    found = {wing: set() for wing in dict.fromkeys(room.wing for room in rooms.values())}
    for name, targets in arrows(rooms).items():
        found[rooms[name].wing] |= {rooms[t].wing for t in targets} - {rooms[name].wing}
    return found


def circles(found: dict[str, set[str]]) -> list[str]:
    "The names from which the arrows lead back to themselves."
    def reachable(start: str) -> set[str]:
        seen, left = set(), list(found.get(start, ()))
        while left:
            if (name := left.pop()) in seen: continue
            seen.add(name)
            left += found.get(name, ())
        return seen
    return sorted(name for name in found if name in reachable(name))


def find_definition(name: str, room: Room, rooms: dict[str, Room]) -> tuple[Room, ast.stmt] | None:
    "The room that defines what `room` calls `name`, with the definition; None for a foreign name."
    if name in room.definitions: return room, room.definitions[name]
    for module, imported, _ in room.imports:
        if imported == name and module in rooms: return find_definition(name, rooms[module], rooms)
    return None


def methods(cls: ast.ClassDef, room: Room, rooms: dict[str, Room], public: set[str]) -> Iterator[tuple[Room, ast.stmt]]:
    """A class's own methods, those patched on it, and those of its bases that are not in `public`.

    A base in `public` has its own entry. A method that the class overrides is left out.
    """
    seen = set()
    for owner, node in [*own_methods(cls, room, rooms), *base_methods(cls, room, rooms, public)]:
        if node.name in seen: continue
        seen.add(node.name)
        yield owner, node


def own_methods(cls: ast.ClassDef, room: Room, rooms: dict[str, Room]) -> Iterator[tuple[Room, ast.stmt]]:
    "The methods in a class's body, then those patched on it, by room."
    yield from ((room, node) for node in cls.body if isinstance(node, FUNCTIONS))
    for each in rooms.values():
        for node in each.tree.body:
            if not is_patch(node) or patched_class(node) != cls.name: continue
            home, _ = find_definition(cls.name, each, rooms) or (None, None)
            if home == room: yield each, node


def base_methods(cls: ast.ClassDef, room: Room, rooms: dict[str, Room], public: set[str]):
    "The methods of a class's bases that the package defines and that have no entry of their own."
    for base in map(ast.unparse, cls.bases):
        found = None if base in public else find_definition(base, room, rooms)
        if found and isinstance(found[1], ast.ClassDef): yield from methods(found[1], found[0], rooms, public)
