"""Measure the project's shape: notebooks, cells, functions, signatures, imports and names.

    python tools/shape.py [--check] [--all]

The notebooks and the package's files are read, not imported. With `--check` the exit code is 1 if a figure is above its
limit in `LIMITS`.
"""

import argparse
import ast
import json
import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from rooms import FUNCTIONS, Room, all_modules, arrows, circles, is_patch, patched_class, wing_arrows
from tree import ROOT

LIMITS = {
    "README lines": 400,
    "BroadcastManager parameters": 11,
    "@patch on BroadcastManager": 0,
    "most exported lines of a notebook": 250,
    "longest exported cell without a class": 40,
    "longest exported cell with a class": 90,
    "exported lines without the test kit": 10_450,
    "exported cells without prose": 0,
    "modules or wings in a circle of imports": 0,
    "private names of the package in tests": 0,
}
EXPORT = re.compile(r"#\|\s*exports?i?\b")  # Not `exportd`, whose code is in the docstring
LONG_FUNCTION = 30  # Lines, without those of the parameters
PRIVATE = re.compile(r"(?<!self)(?<!cls)\.(_[a-z]\w*)")


@dataclass
class Notebook:
    "The figures of one notebook."
    cells: list[int] = field(default_factory=list)  # Lines of each exported cell
    longest: Counter = field(default_factory=Counter)  # By whether the cell holds a class
    words: int = 0  # Of its prose
    bare: int = 0  # Exported cells without prose since the last one

    @property
    def lines(self) -> int:
        "All exported lines."
        return sum(self.cells)


def code_lines(text: str) -> int:
    "How many lines of `text` are neither blank nor directives."
    return sum(bool(line.strip()) and not line.lstrip().startswith("#|") for line in text.splitlines())


def read_notebook(path: Path) -> Notebook:
    "Measure one notebook."
    book, has_prose = Notebook(), False
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            book.words += len(text.split())
            has_prose = True
        elif EXPORT.match(text.lstrip()) and (lines := code_lines(text)):
            book.cells.append(lines)
            with_class = bool(re.search(r"^class ", text, re.M))
            book.longest[with_class] = max(book.longest[with_class], lines)
            book.bare += not has_prose and "__main__" not in text
            has_prose = False
    return book


def notebooks() -> dict[str, Notebook]:
    "The figures of each notebook that exports code, by its path below `nbs/`."
    paths = sorted((ROOT / "nbs").rglob("*.ipynb"))
    names = {path.relative_to(ROOT / "nbs").as_posix(): path for path in paths}
    shown = {name: path for name, path in names.items() if not any(part[0] in "._" for part in name.split("/"))}
    found = {name: read_notebook(path) for name, path in shown.items()}
    return {name: book for name, book in found.items() if book.cells}


def arguments(node: ast.stmt) -> list[ast.arg]:
    "All parameters of a function."
    args = node.args
    found = (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg)
    return [arg for arg in found if arg is not None]


def constructor_parameters(node: ast.ClassDef) -> list[str]:
    "The parameters of a class's own constructor, or the fields of a dataclass."
    for each in node.body:
        if isinstance(each, FUNCTIONS) and each.name == "__init__": return [a.arg for a in arguments(each)[1:]]
    if not any(ast.unparse(d).startswith("dataclass") for d in node.decorator_list): return []
    fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
    return [each.target.id for each in fields if "ClassVar" not in ast.unparse(each.annotation)]


def stored_attributes(rooms: dict[str, Room]) -> set[str]:
    "The names of all attributes that the package assigns."
    nodes = (node for room in rooms.values() for node in ast.walk(room.tree))
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}


def findings(rooms: dict[str, Room]) -> dict[str, list[str]]:
    "Places to review, by kind."
    found, own = defaultdict(list), stored_attributes(rooms)
    for room in rooms.values():
        for node in ast.walk(room.tree):
            place = f"{room.name}:{getattr(node, 'lineno', 0)}"
            for kind, what in findings_at(node, own): found[kind].append(f"{place} {what}".rstrip())
    return found


def findings_at(node: ast.AST, own: set[str]):
    "Kind and name of each finding at one node of a syntax tree; `own` are the package's attributes."
    if isinstance(node, FUNCTIONS):
        for arg in arguments(node):
            if arg.annotation is not None and ast.unparse(arg.annotation) == "Any":
                yield "parameters of type Any", f"{node.name}({arg.arg})"
        if node.end_lineno - node.lineno + 1 - len(arguments(node)) > LONG_FUNCTION:
            yield f"functions over {LONG_FUNCTION} lines", node.name
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and len(node.targets[0].elts) > 2:
        yield "assignments to three targets or more", ""
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and len(node.args) == 3:
        name = getattr(node.args[1], "value", None)
        if name in own: yield "getattr with a default on own attributes", ast.unparse(node)


def private_reads(rooms: dict[str, Room]) -> list[str]:
    "Places in tests that read a private name of the package; private names of other packages do not count."
    nodes = (node for room in rooms.values() for node in ast.walk(room.tree))
    own = {name for n in nodes if isinstance(name := getattr(n, "attr", getattr(n, "name", None)), str)}
    lines = ((path, n, line) for path in sorted((ROOT / "tests").rglob("*.py"))
             for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    return [f"{path.relative_to(ROOT)}:{n}" for path, n, line in lines
            if not line.lstrip().startswith("#") and set(PRIVATE.findall(line)) & own]


def in_circles(rooms: dict[str, Room]) -> list[str]:
    "The modules and wings from which imports lead back to themselves."
    return circles(arrows(rooms)) + circles(wing_arrows(rooms))


def figures(books: dict[str, Notebook], rooms: dict[str, Room]) -> dict[str, int]:
    "The numbers that are printed last, some of which have a limit."
    bodies = [node for room in rooms.values() for node in room.tree.body]
    patches = Counter(patched_class(node) for node in bodies if is_patch(node))
    manager = [node for node in bodies if isinstance(node, ast.ClassDef) and node.name == "BroadcastManager"]
    public = {n for room in rooms.values() if room.wing and not room.name.startswith("demo") for n in room.public}
    kit = {name for name in books if name.startswith("testing/")}
    return {
        "README lines": len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()),
        "BroadcastManager parameters": len(constructor_parameters(manager[0])) if manager else 0,
        "@patch on BroadcastManager": patches["BroadcastManager"],
        "@patch in all": sum(patches.values()),
        "most exported lines of a notebook": max(book.lines for book in books.values()),
        "longest exported cell without a class": max(book.longest[False] for book in books.values()),
        "longest exported cell with a class": max(book.longest[True] for book in books.values()),
        "exported lines without the test kit": sum(book.lines for name, book in books.items() if name not in kit),
        "exported lines of the test kit": sum(books[name].lines for name in kit),
        "exported cells without prose": sum(book.bare for book in books.values()),
        "modules or wings in a circle of imports": len(in_circles(rooms)),
        "public names": len(public),
        "private names of the package in tests": len(private_reads(rooms)),
    }


def shape(cells: list[int]) -> str:
    "Median, 90th percentile and maximum of sizes."
    ordered = sorted(cells)
    return f"{statistics.median(ordered):g}/{ordered[int(.9 * (len(ordered) - 1))]}/{ordered[-1]}"


def print_notebooks(books: dict[str, Notebook]):
    "Print a row for each notebook."
    print(f"{'notebook':38} exported  cell median/p90/max  words a line  over 40  bare")
    for name, book in books.items():
        over = sum(n > 40 for n in book.cells)
        words = book.words / book.lines
        print(f"{name:38} {book.lines:8}  {shape(book.cells):>19}  {words:12.1f}  {over:7}  {book.bare:4}")
    cells = [n for book in books.values() for n in book.cells]
    print(f"{'all':38} {sum(cells):8}  {shape(cells):>19}\n")


def print_places(rooms: dict[str, Room], every: bool):
    "Print imports between wings, circles, and the findings with their places."
    print("wings:", "; ".join(f"{a} → {', '.join(sorted(b))}" for a, b in sorted(wing_arrows(rooms).items()) if b))
    print("circles:", ", ".join(in_circles(rooms)) or "none")
    for kind, places in {**findings(rooms), "private names of the package in tests": private_reads(rooms)}.items():
        shown = places if every else [*places[:4], *(["…"] if len(places) > 4 else [])]
        print(f"{kind}: {len(places)}", f"({'; '.join(shown)})" if places else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit with 1 if a figure is above its limit")
    parser.add_argument("--all", action="store_true", help="name every place, not only the first four")
    given = parser.parse_args()
    books, rooms = notebooks(), all_modules()
    print_notebooks(books)
    print_places(rooms, given.all)
    found = figures(books, rooms)
    above = {name for name, limit in LIMITS.items() if found[name] > limit}
    print()
    for name, n in found.items():
        limit = f"  limit {LIMITS[name]}" if name in LIMITS else ""
        print(f"{name:40} {n:6}{limit}{'  ABOVE' if name in above else ''}")
    return int(given.check and bool(above))


if __name__ == "__main__": raise SystemExit(main())
