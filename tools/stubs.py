"""Write a stub (`.pyi`) beside the package and beside each module with public names, for type checkers and editors.

A type checker sees neither the names that `__init__.py` loads lazily, nor the methods that fastcore's `patch` adds, nor
the calls that a class inherits from modules inside the package. A stub has them all in one place. It has no code: each
default that is not plain becomes `...`. The comment of each parameter becomes a line of the docstring.

An attribute is in the stub if its class annotates it, or if `__init__` stores a parameter under the parameter's name.
Attributes whose class is not public are left out.

The same comments are written to `cjm_fasthtml_sse/_comments.py`, from which the package adds them to the docstrings of
its public names. So `help` shows them too.

    python tools/stubs.py
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from inspect import cleandoc
from io import StringIO
from tokenize import COMMENT, generate_tokens

from exports import find_exports, public_names
from rooms import APART, FUNCTIONS, PACKAGE, Room, all_rooms, find_definition, methods

HEAD = "# Written by `make export` from the module beside this file: do not edit.\n"
DECORATORS = {"property", "classmethod", "staticmethod", "contextmanager", "asynccontextmanager", "dataclass"}
ROOMS = all_rooms(PACKAGE)
OWN = {"": find_exports(PACKAGE)[0]}  # The module of each public name, by where it is imported from
OWN |= {wing: find_exports(PACKAGE, (wing,))[0] for wing in APART}
HOMES = {name: module for names in OWN.values() for name, module in names.items()}  # The module of each public name
TABLE = PACKAGE / "_comments.py"
TABLE_HEAD = '''"What `help` shows below docstrings. Written by `make export` from comments: do not edit."

comments = {
'''
STUBS = {name: public_names(room) for name, room in ROOMS.items() if public_names(room)}
problems: list[str] = []
shown: dict[str, str] = {}  # By `name` or `Class.method`: the comments of its parameters, fields and result


@cache
def comments(room: Room) -> dict[int, str]:
    "The comment at the end of each line of a module."
    tokens = generate_tokens(StringIO(room.source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == COMMENT}


def docstring(node: ast.AST, path: str, sections: dict[str, dict[str, str | None]], indent: str) -> list[str]:
    "The lines of a docstring: that of `node`, and below it the comments of its parameters, fields and result."
    text, below = [cleandoc(doc)] if (doc := ast.get_docstring(node)) else [], []
    for title, about in sections.items():
        found = [f"    {name}: {comment}" if name else f"    {comment}" for name, comment in about.items() if comment]
        if found: below.append("\n".join([f"{title}:", *found]))
    if below: shown[path] = "\n\n".join(below)
    text += below
    lines = "\n\n".join(text).replace("\\", "\\\\").replace('"""', "'''").splitlines()
    if not lines: return []
    if doc is None: lines.insert(0, "")
    if len(lines) == 1: return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


def plain(default: ast.expr | None) -> ast.expr | None:
    "A default as a stub has it: a constant as it is, and `...` for all else."
    if default is None: return None
    number = default.operand if isinstance(default, ast.UnaryOp) else default
    return default if isinstance(number, ast.Constant) else ast.Constant(...)


def unquoted(annotation: ast.expr | None) -> ast.expr | None:
    "An annotation without the quotes around names, which a stub does not need."
    class Unquote(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node
    return Unquote().visit(ast.parse(ast.unparse(annotation), mode="eval").body) if annotation else None


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    "The nodes of a function, without those of functions inside it."
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.Lambda)): continue
        yield child
        yield from own_nodes(child)


def type_of(value: object) -> str:
    "The type of a constant, by its value."
    def inside(values) -> str: return " | ".join(sorted({*map(type_of, values)}))
    kind = type(value).__name__
    if isinstance(value, dict): return f"dict[{inside(value)}, {inside(value.values())}]"
    if isinstance(value, (set, frozenset, list)): return f"{kind}[{inside(value)}]"
    if not isinstance(value, tuple): return kind
    return f"tuple[{', '.join(map(type_of, value))}]" if len(value) < 4 else f"tuple[{inside(value)}, ...]"


class Stub:
    "The stub of one module."
    def __init__(self, room: Room):
        self.room, self.imports, self.written = room, {}, {}

    def write(self, name: str):
        "Add the definition of `name`, once."
        if name in self.written: return
        self.written[name] = []
        if name not in self.room.definitions:
            home = find_definition(name, self.room, ROOMS)[0]
            self.imports[name] = f"from {PACKAGE.name}.{home.name} import {name} as {name}"
            return
        node = self.room.definitions[name]
        if isinstance(node, ast.ClassDef): self.written[name] = self.of_class(node)
        elif isinstance(node, FUNCTIONS): self.written[name] = self.of_function(node, self.room, "")
        else: self.written[name] = self.of_constant(name, node)

    def of_constant(self, name: str, node: ast.stmt) -> list[str]:
        "The lines for a constant, with its comment."
        value, comment = getattr(import_module(f"{PACKAGE.name}.{self.room.name}"), name), comments(self.room)
        return [f"{name}: {type_of(value)}", *([f'"""{comment[node.lineno]}"""'] if node.lineno in comment else [])]

    def of_function(self, node: ast.stmt, room: Room, indent: str, where: str = "") -> list[str]:
        "The lines for a function or method, with the comments of its parameters in the docstring."
        args, doc_of = self.parameters(node, room, where)
        yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in own_nodes(node))
        returns = unquoted(node.returns)
        if returns is None:
            if yields or any(isinstance(n, ast.Return) and n.value is not None for n in own_nodes(node)):
                self.fault(node, where, "the result has no type")
            returns = ast.Constant(None)
        self.use(returns, room)
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) and not yields else "def"
        decorators = [d for each in node.decorator_list if (d := self.decorator(each, room))]
        path = f"{where}.{node.name}" if where else node.name
        doc = docstring(node, path, {"Args": doc_of, "Returns": {"": doc_of.pop("return", None)}}, indent + "    ")
        head = f"{indent}{kind} {node.name}({ast.unparse(args)}) -> {ast.unparse(returns)}:"
        return [*(f"{indent}@{d}" for d in decorators), *([head, *doc] if doc else [f"{head} ..."])]

    def parameters(self, node: ast.stmt, room: Room, where: str) -> tuple[ast.arguments, dict[str, str | None]]:
        "The parameters without their defaults' code, and the comment of each."
        args, lines = node.args, {}
        def typed(arg: ast.arg | None) -> ast.arg | None:
            if arg is None: return None
            lines[arg.lineno] = arg.arg
            if where and arg is args.args[0]: return ast.arg(arg.arg)  # `self`
            if arg.annotation is None: self.fault(node, where, f"{arg.arg} has no type")
            else: self.use(unquoted(arg.annotation), room)
            return ast.arg(arg.arg, unquoted(arg.annotation))
        new = ast.arguments([typed(a) for a in args.posonlyargs], [typed(a) for a in args.args], typed(args.vararg),
            [typed(a) for a in args.kwonlyargs], list(map(plain, args.kw_defaults)), typed(args.kwarg),
            list(map(plain, args.defaults)))
        if node.returns: lines[node.returns.end_lineno] = "return"
        elif node.lineno == node.body[0].lineno: lines.pop(node.lineno, None)
        return new, {name: comments(room).get(line) for line, name in lines.items()}

    def decorator(self, node: ast.expr, room: Room) -> str | None:
        "A decorator that changes how a function or class is used, as the stub has it."
        text = ast.unparse(node)
        if text == "patch(as_prop=True)": return "property"
        if text.split("(")[0].split(".")[-1] not in {*DECORATORS, "setter"}: return None
        self.use(node, room)
        return text

    def of_class(self, cls: ast.ClassDef) -> list[str]:
        "The lines for a class: its attributes, and all methods that it has from this package."
        chapters = list(self.chapters(cls, self.room))
        bases = [ast.unparse(base) for room, each in chapters for base in each.bases if self.is_kept(base, room)]
        for base in cls.bases:
            if self.is_kept(base, self.room): self.use(base, self.room)
        decorators = [d for each in cls.decorator_list if (d := self.decorator(each, self.room))]
        is_record = any(d.startswith("dataclass") for d in decorators) or "NamedTuple" in bases
        fields, about = self.fields(chapters, is_record, "Enum" in bases)
        lines = [f"@{d}" for d in decorators]
        lines += [f"class {cls.name}({', '.join(dict.fromkeys(bases))}):" if bases else f"class {cls.name}:"]
        lines += docstring(cls, cls.name, {"Attributes": about}, "    ") + fields
        for room, node in methods(cls, self.room, ROOMS, set(HOMES)):
            is_special = node.name.startswith("__") and node.name not in ("__post_init__", "__repr__")
            if is_special or not node.name.startswith("_"): lines += self.of_function(node, room, "    ", cls.name)
        return lines if lines[-1].startswith(" ") else [lines[-1] + " ..."]

    def chapters(self, cls: ast.ClassDef, room: Room) -> Iterator[tuple[Room, ast.ClassDef]]:
        "A class, and those of its bases that are inside the package."
        yield room, cls
        for base in cls.bases:
            if not self.is_kept(base, room): yield from self.chapters(*reversed(find_definition(base.id, room, ROOMS)))

    def is_kept(self, base: ast.expr, room: Room) -> bool:
        "Whether a base is public, or of another package."
        name = ast.unparse(base).split("[")[0]
        return name in HOMES or find_definition(name, room, ROOMS) is None

    def fields(self, chapters: list, is_record: bool, is_enum: bool) -> tuple[list[str], dict[str, str | None]]:
        "The lines for the attributes of a class, and the comment of each."
        lines, about = {}, {}
        for room, cls in chapters:
            for node in cls.body:
                if is_enum and isinstance(node, ast.Assign): lines[ast.unparse(node)] = ast.unparse(node)
                if not isinstance(node, ast.AnnAssign) or node.target.id.startswith("_"): continue
                default = f" = {ast.unparse(plain(node.value))}" if is_record and node.value else ""
                self.add_field(lines, node.target.id, node.annotation, room, default)
                if node.target.id in lines: about[node.target.id] = comments(room).get(node.end_lineno)
            for name, annotation in stored(cls):
                if name not in lines: self.add_field(lines, name, annotation, room)
        return [f"    {line}" for line in lines.values()], about

    def add_field(self, lines: dict[str, str], name: str, annotation: ast.expr, room: Room, default: str = ""):
        "Add an attribute, unless its type is a class inside the package."
        annotation = unquoted(annotation)
        names = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
        if any(n not in HOMES and find_definition(n, room, ROOMS) for n in names): return
        self.use(annotation, room)
        lines.setdefault(name, f"{name}: {ast.unparse(annotation)}{default}")

    def use(self, node: ast.expr, room: Room):
        "Import or define all names in `node`, as `room` has them."
        for name in dict.fromkeys(n.id for n in ast.walk(node) if isinstance(n, ast.Name)):
            if found := find_definition(name, room, ROOMS):
                if found[0] == self.room: self.write(name)
                else:
                    if found[0].name in STUBS: stub_of(found[0].name).write(name)
                    self.add_import(name, f"from {PACKAGE.name}.{found[0].name} import {name}")
            elif line := foreign_import(name, room): self.add_import(name, line)

    def add_import(self, name: str, line: str):
        "Import `name` by `line`; two modules may not mean different things by it."
        if self.imports.setdefault(name, line).removesuffix(f" as {name}") != line:
            problems.append(f"{self.room.name}: {name} is both `{self.imports[name]}` and `{line}`")

    def fault(self, node: ast.stmt, where: str, what: str):
        "Note that a public signature lacks a type."
        problems.append(f"{self.room.name}: {where and where + '.'}{node.name}: {what}")

    def text(self) -> str:
        "The whole stub."
        body = [line for name in self.room.definitions if name in self.written for line in ["", *self.written[name]]]
        return "\n".join([*sorted(self.imports.values()), "", f"__all__ = {STUBS[self.room.name]!r}", *body, ""])


def foreign_import(name: str, room: Room) -> str | None:
    "The line by which a module imports `name` from another package; None for a builtin."
    for each in room.tree.body:
        if not isinstance(each, (ast.Import, ast.ImportFrom)): continue
        for alias in each.names:
            source = f"from {each.module} " if isinstance(each, ast.ImportFrom) else ""
            if (alias.asname or alias.name) == name: return f"{source}import {ast.unparse(alias)}"
    return None


def stored(cls: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    "The public attributes under which `__init__` stores the parameter of the same name, with its type."
    for init in cls.body:
        if not isinstance(init, FUNCTIONS) or init.name != "__init__": continue
        types = {a.arg: a.annotation for a in (*init.args.args, *init.args.kwonlyargs) if a.annotation}
        for node in init.body:
            if not isinstance(node, ast.Assign): continue
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=True) if both else [(target, value)]
            for to, given in pairs:
                if isinstance(to, ast.Attribute) and isinstance(given, ast.Name) and to.attr == given.id in types:
                    yield to.attr, types[given.id]


@cache
def stub_of(module: str) -> Stub:
    "The stub of a module, which other stubs may add to."
    return Stub(ROOMS[module])


def package_stub(wing: str = "") -> str:
    "The stub of the package, or of a wing whose names are imported from it: each public name, from its module."
    names = {}
    for name, module in OWN[wing].items(): names.setdefault(module, []).append(f"{name} as {name}")
    lines = [f"from .{module.removeprefix(f'{wing}.')} import {', '.join(each)}" for module, each in names.items()]
    version = [] if wing else ["__version__: str"]
    return "\n".join([*lines, "", *version, f"__all__ = {list(OWN[wing])!r}", ""])


def table() -> str:
    "The text of the module with the comments of each public name, by method; a name alone is the empty method."
    names = {name: {} for name in HOMES}
    for path, text in shown.items():
        name, _, method = path.partition(".")
        if name in names: names[name][method] = text
    rows = [f"    {name!r}: {{\n" + "".join(f"        {m!r}: {t!r},\n" for m, t in about.items()) + "    },\n"
        for name, about in names.items() if about]
    return f"{TABLE_HEAD}{''.join(rows)}}}\n"


def main():
    sys.path.insert(0, str(PACKAGE.parent))
    for module, names in STUBS.items():
        for name in names: stub_of(module).write(name)
    texts = {PACKAGE / wing / "__init__.pyi": package_stub(wing) for wing in OWN}
    texts |= {ROOMS[module].path.with_suffix(".pyi"): stub_of(module).text() for module in STUBS}
    for path in set(PACKAGE.rglob("*.pyi")) - texts.keys(): path.unlink()
    for path, text in texts.items(): path.write_text(HEAD + text, encoding="utf-8")
    TABLE.write_text(table(), encoding="utf-8")
    if problems: raise SystemExit("\n".join(dict.fromkeys(problems)))


if __name__ == "__main__": main()
