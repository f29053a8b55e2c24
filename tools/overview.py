"""Make texts from the package: its structure, its dependencies, overviews of modules, pictures of wings.

`cjm-nbdev-overview` lays out the full overview. Its version 0.0.20 cuts signatures of one-line functions and lists
private names, so functions and classes are read from the exported modules here and handed to it.
"""

import ast
import copy
import os
import re
import subprocess
import sys
import textwrap
from functools import cache
from itertools import groupby

if not hasattr(ast, "Str"): ast.Str = ast.Constant  # cjm-nbdev-overview needs the name, which Python 3.14 removed

from cjm_nbdev_overview.api_docs import generate_module_overview
from cjm_nbdev_overview.parsers import ClassInfo, FunctionInfo, ModuleInfo, VariableInfo, parse_notebook
from docs import reading_order
from exports import find_exports
from rooms import APART, FUNCTIONS, PACKAGE, WINGS, Room, all_rooms, arrows, find_definition, methods, rooms_of
from rooms import wing_arrows
from tree import ROOT
from wings import drawing

NBS = ROOT / "nbs"
TOP_DOWN = WINGS[::-1]  # Readers look for what they call first
SEED = "core.broadcast", "core.connections", "core.streaming"  # The modules of 0.0.12: README.md has their overview
FOLDERS = {"tutorials": "Applications built step by step", "explains": "Guarantees, design, security, performance",
           "checks": "Matrices of cases, as notebooks", "project": "Changelog and how to contribute"}
COMMANDS = """## CLI Reference

Both commands are modules of the package. The first publishes an event from outside a web server. The second serves
the demo. `--help` describes each option. `--url` is needed unless the environment has `SSE_BACKPLANE`.

``` bash
{usages}
```"""
MODULES = """## Module Overview

These are the three modules of 0.0.12. Every public name can be imported from `cjm_fasthtml_sse` as well. The
[full overview](overview.qmd) has all modules, with a description of each parameter."""
FULL = """---
title: Module overview
description: Every public function, class and method of the package, with a description of each parameter
---

<!-- Made by tools/readme.py. Do not edit. -->

The modules are listed by wing, which is a folder of the package. A wing imports only wings that come after it. The
title of each module links to its notebook, which has the code, the reasons for it, and examples. A name that a module
only imports is described in the module that defines it.
"""
BEGIN, END = "<!-- Rooms: made by tools/readme.py -->", "<!-- End of rooms -->"


@cache
def public_names() -> frozenset[str]:
    "Every public name of the package."
    return frozenset(find_exports(PACKAGE)[0] | find_exports(PACKAGE, APART)[0])


def notebook(room: Room):
    "The notebook that `room` is exported from."
    return NBS / room.path.relative_to(PACKAGE).with_suffix(".ipynb")


@cache
def parsed(room: Room) -> ModuleInfo:
    "The title, description and names that cjm-nbdev-overview finds in the notebook of `room`."
    return parse_notebook(notebook(room))


def description(room: Room) -> str:
    "The description of the notebook of `room`, without a full stop."
    return (parsed(room).description or "").rstrip(".")


def ordered(rooms: dict[str, Room]) -> list[Room]:
    "The rooms by wing, and within a wing in the sidebar's order."
    order = {href: place for place, href in enumerate(reading_order())}
    href = {room: notebook(room).relative_to(NBS).as_posix() for room in rooms.values()}
    return sorted(href, key=lambda room: (TOP_DOWN.index(room.wing), order.get(href[room], len(order))))


def page_description(folder: str) -> str:
    "The description of a folder's index page, as its front matter gives it."
    page = NBS / folder / "index.qmd"
    return re.search(r"^description: (.+)$", page.read_text(encoding="utf-8"), re.M)[1] if page.exists() else ""


def structure() -> str:
    "The section that shows the folders of the notebooks and of the repository."
    rows = [(f"nbs/{wing}/", f"{page_description(wing)} ({count_notebooks(wing)})") for wing in TOP_DOWN]
    rows += [(f"nbs/{name}/", about) for name, about in FOLDERS.items()]
    rows += [("cjm_fasthtml_sse/", "The package: modules exported from nbs/, assets/ for the browser, demo/"),
             ("tests/", "Tests that need servers, browsers or engines, by wing"),
             ("examples/", "Each tutorial's application as one file, with tests, and configurations of proxies"),
             ("benchmarks/", "Measurements beside other packages"),
             ("tools/", "Checks, and the generators of README, site and wheel")]
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"{name:{width}}  # {about}" for name, about in rows)
    return ("## Project Structure\n\nThe notebooks in `nbs/` are the source of all Python. The package has nine "
            "wings, and each has a folder of notebooks. The number of notebooks is in parentheses.\n\n"
            f"``` text\n{lines}\n```")


def count_notebooks(folder: str) -> int:
    "How many notebooks are in a folder."
    return len(list((NBS / folder).glob("*.ipynb")))


def diagram(found: dict[str, set[str]], direction: str) -> str:
    "A mermaid graph of `found`."
    targets = {name: [target for target in found if target in found[name]] for name in found}
    lines = [f"    {name} --> {' & '.join(each)}" if each else f"    {name}" for name, each in targets.items()]
    return "\n".join(["```{mermaid}", f"graph {direction}", *lines, "```"])


def wings() -> dict[str, set[str]]:
    "Each wing with those that it imports, from the top down."
    found = wing_arrows(all_rooms())
    return {wing: found[wing] for wing in TOP_DOWN}


def wings_picture() -> str:
    "The same graph as an SVG, for pages that do not draw mermaid."
    return drawing(wings(), {wing: page_description(wing) for wing in TOP_DOWN})


def dependencies() -> str:
    "The section that draws which wing imports which."
    graph = diagram(wings(), "TD")
    return (f"## Module Dependencies\n\n{graph}\n\nAn arrow leads from a wing to one that it imports. The page of "
            "each wing has a picture of its modules. A test holds the arrows to these directions.")


def picture(wing: str) -> str:
    "The block of a wing's page that draws its rooms."
    rooms = rooms_of(wing)
    found = {stem(name): set(map(stem, targets)) for name, targets in arrows(rooms).items()}
    others = [name for name in WINGS if name in wing_arrows(all_rooms())[wing]]
    imported = f"The wing imports {', '.join(f'`{name}`' for name in others)}." if others else "It imports no wing."
    return (f"{BEGIN}\n\n{diagram(found, 'TD')}\n\nAn arrow leads from a module to one that it imports. {imported}\n\n"
            f"{END}")


def stem(name: str) -> str:
    "The name of a room without its wing."
    return name.rpartition(".")[2]


def wing_page(wing: str) -> str:
    "The text of a wing's index page with its picture made anew; without markers, the picture goes to the end."
    text = (NBS / wing / "index.qmd").read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    after = rest.partition(END)[2] if begin else "\n"
    return f"{before.rstrip()}\n\n{picture(wing)}{after}"


def signature(node: ast.stmt, source: str) -> str:
    "The text of a definition up to its body, with its comments."
    lines, first = source.splitlines(), node.body[0]
    above = [*lines[node.lineno - 1:first.lineno - 1], lines[first.lineno - 1][:first.col_offset]]
    return "\n".join(line.removeprefix(" " * node.col_offset) for line in above).rstrip()


def function_info(node: ast.stmt, room: Room) -> FunctionInfo:
    "A function or method of `room`."
    return FunctionInfo(node.name, signature(node, room.source), ast.get_docstring(node), is_exported=True)


def method_info(node: ast.stmt, room: Room) -> FunctionInfo:
    "The same for a method; cjm-nbdev-overview puts plain quotes around its docstring, so three are completed here."
    info = function_info(node, room)
    if "\n" in (info.docstring or ""): info.docstring = textwrap.indent(f'""{info.docstring}\n""', " " * 8)
    return info


def class_info(node: ast.ClassDef, room: Room) -> ClassInfo:
    "A class of `room`, with its public methods and the fields of a dataclass."
    found = [method_info(method, owner) for owner, method in shown_methods(node, room)]
    info = ClassInfo(node.name, head(node, room), ast.get_docstring(node), found, is_exported=True)
    if is_dataclass(node):
        info.attributes, info.decorators = [field(each, room.source) for each in fields(node)], ["dataclass"]
    return info


def shown_methods(node: ast.ClassDef, room: Room) -> list[tuple[Room, ast.stmt]]:
    "The constructor of a class, then its methods with a public name: those of its internal bases first, bottom up."
    found = list(methods(node, room, all_rooms(room.package), public_names()))
    above = [each for base in bases(node, room) for each in shown_methods(base[1], base[0]) if each in found]
    own = [each for each in found if each not in above]
    arranged = [each for each in own if each[1].name == "__init__"] + above + own
    return [each for each in dict.fromkeys(arranged) if each[1].name == "__init__" or not each[1].name.startswith("_")]


def bases(node: ast.ClassDef, room: Room) -> list[tuple[Room, ast.ClassDef]]:
    "The bases of a class that the package defines and that are not public, so that they have no entry of their own."
    names = [name for name in map(ast.unparse, node.bases) if name not in public_names()]
    found = (find_definition(name, room, all_rooms(room.package)) for name in names)
    return [each for each in found if each and isinstance(each[1], ast.ClassDef)]


def head(node: ast.ClassDef, room: Room) -> str:
    "The first line of a class, without the bases that have no entry."
    hidden = {base.name for _, base in bases(node, room)}
    shown = ", ".join(name for name in map(ast.unparse, node.bases) if name not in hidden)
    return f"class {node.name}({shown}):".replace("()", "")


def is_dataclass(node: ast.ClassDef) -> bool:
    "Whether a class is decorated as a dataclass."
    return any(ast.unparse(d).startswith("dataclass") for d in node.decorator_list)


def fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    "The public fields of a dataclass."
    return [each for each in node.body if isinstance(each, ast.AnnAssign) and not each.target.id.startswith("_")]


def field(node: ast.AnnAssign, source: str) -> VariableInfo:
    "A dataclass's field with its comment."
    comment = source.splitlines()[node.end_lineno - 1][node.end_col_offset:].strip().removeprefix("#").strip()
    value = ast.unparse(node.value) if node.value else None
    return VariableInfo(node.target.id, value, ast.unparse(node.annotation), comment)


def full(room: Room) -> str:
    "The full overview of one module: the public names that it defines."
    info, names = copy.copy(parsed(room)), [name for name in room.public if name in room.definitions]
    nodes = [room.definitions[name] for name in names]
    info.functions = [function_info(node, room) for node in nodes if isinstance(node, FUNCTIONS)]
    info.classes = [class_info(node, room) for node in nodes if isinstance(node, ast.ClassDef)]
    info.variables = [v for v in info.variables if v.is_exported and v.name in names]
    heading = f"## [{info.title}]({notebook(room).relative_to(NBS).as_posix()}) (`{room.name}`)\n"
    text = generate_module_overview(info).partition("\n")[2].replace("\n#### ", "\n### ")
    return re.sub(r"^ +$", "", f"{heading}\n{text.strip()}", flags=re.M)


def full_page() -> str:
    "The site's page with the overview of every module."
    return "\n\n".join([FULL.strip(), *(full(room) for room in ordered(all_rooms()) if room.public)]) + "\n"


def parameters(args: ast.arguments) -> str:
    "The parameters of a function in one line; `self` has no type."
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    found = [parameter(*each) for each in zip(positional, defaults, strict=True)]
    if args.posonlyargs: found.insert(len(args.posonlyargs), "/")
    if args.vararg: found.append(f"*{parameter(args.vararg)}")
    elif args.kwonlyargs: found.append("*")
    found += [parameter(*each) for each in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    return ", ".join(found + ([f"**{parameter(args.kwarg)}"] if args.kwarg else []))


def parameter(arg: ast.arg, default: ast.expr | None = None) -> str:
    "One parameter with its type and default."
    kind = f": {ast.unparse(arg.annotation)}" if arg.annotation and arg.arg != "self" else ""
    if default is None: return f"{arg.arg}{kind}"
    return f"{arg.arg}{kind} = {ast.unparse(default)}" if kind else f"{arg.arg}={ast.unparse(default)}"


def first_sentence(node: ast.stmt) -> str:
    "The first sentence of a docstring, as a comment."
    text = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=\.) ", text)[0].rstrip(".")
    return f"  # {sentence}" if text else ""


def line(node: ast.stmt) -> str:
    "A function or method in one line: signature without comments, first sentence of its docstring."
    decorators, about = list(map(ast.unparse, node.decorator_list)), first_sentence(node)
    returned = ast.unparse(node.returns) if node.returns else ""
    if "property" in decorators or "patch(as_prop=True)" in decorators: return f"{node.name}: {returned}{about}"
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    managed = "".join(f"@{name} " for name in decorators if name.endswith("contextmanager"))
    arrow = f" -> {returned}" if returned else ""
    return f"{managed}{kind} {node.name}({parameters(node.args)}){arrow}{about}"


def block(node: ast.ClassDef, room: Room) -> str:
    "A class as a block of code: a line for each method."
    lines = [line(method) for _, method in shown_methods(node, room)]
    if is_dataclass(node): lines.insert(0, f"def __init__(self, {', '.join(map(compact_field, fields(node)))})")
    members = [name for each in node.body if isinstance(each, ast.Assign) for name in map(ast.unparse, each.targets)]
    if "Enum" in map(ast.unparse, node.bases): lines.insert(0, ", ".join(members))
    return "\n".join([f"{head(node, room)}{first_sentence(node)}", *(f"    {each}" for each in lines)])


def compact_field(node: ast.AnnAssign) -> str:
    "A dataclass's field as a parameter."
    kind = f"{node.target.id}: {ast.unparse(node.annotation)}"
    if node.value is None: return kind
    return f"{kind} = {'...' if isinstance(node.value, ast.Call) else ast.unparse(node.value)}"


def compact(name: str) -> str:
    "The overview of one module for README.md: what it defines and what it hands on, in one line each."
    rooms = all_rooms()
    room = rooms[name]
    found = [find_definition(each, room, rooms) for each in room.public if each in public_names()]
    functions = "\n".join(line(node) for _, node in found if isinstance(node, FUNCTIONS))
    classes = [block(node, home) for home, node in found if isinstance(node, ast.ClassDef)]
    code = "\n\n".join(f"``` python\n{each}\n```" for each in [functions, *classes] if each)
    return f"### [`{name}`]({name.replace('.', '/')}.ipynb)\n\n{description(room)}.\n\n{code}"


def others() -> str:
    "One line for each other room with public names, by wing, and one for the rooms inside the wing."
    lines = []
    for wing, rooms in groupby(ordered(all_rooms()), key=lambda room: room.wing):
        lines.append(f"- [`{wing}/`]({wing}/index.qmd): {page_description(wing)}")
        shown = [room for room in rooms if room.name not in SEED and wing not in APART]
        lines += [f"  - {linked(room)}: {description(room)}" for room in shown if room.public]
        inside = ", ".join(linked(room) for room in shown if not room.public)
        if inside: lines.append(f"  - Inside: {inside}")
    return "### Other modules\n\n" + "\n".join(lines)


def linked(room: Room) -> str:
    "The name of a room, as a link to its page."
    page = notebook(room).relative_to(NBS)
    return f"[`{page.stem}`]({page.as_posix()})"


def usage(*command: str) -> str:
    "The usage line that a command of the package prints, in lines that a shell accepts."
    env = os.environ | dict(PYTHONPATH=str(ROOT), COLUMNS="1000", NO_COLOR="1")
    command = [sys.executable, "-m", *command, "--help"]
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    line = " ".join(told.partition("\n\n")[0].split()).removeprefix("usage: ").replace("[-h] ", "")
    parts = [part.replace(" ", "\0") for part in re.findall(r"\[.*?\]|--\S+ \S+|\S+", line)]
    return textwrap.fill(" ".join(parts), 96, subsequent_indent="    ", break_on_hyphens=False).replace(
        "\n", " \\\n").replace("\0", " ")


def commands() -> str:
    "The section that lists the commands with their options."
    return COMMANDS.format(usages="\n".join([usage(PACKAGE.name, "publish"), usage(f"{PACKAGE.name}.demo")]))


def sections() -> list[str]:
    "The made sections of the index, a text for each cell."
    return [structure(), dependencies(), commands(), MODULES, *map(compact, SEED), others()]
