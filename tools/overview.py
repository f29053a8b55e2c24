"""The index notebook's last sections, by cjm-nbdev-overview: structure, dependencies and an overview of each module.

Its version 0.0.20 takes signatures by line from the notebooks' text, which cuts those of one-line functions, and lists
private names, imports that only a notebook's tests use, and edges in the order of a set. So what it gathered is put
right here from the exported modules, and the text is then made by its own functions.
"""

import ast
from pathlib import Path

from nbdev.config import get_config

if not hasattr(ast, "Str"): ast.Str = ast.Constant  # it asks for this, which Python 3.14 has no more

from cjm_nbdev_overview.api_docs import add_project_structure_section, generate_module_overview
from cjm_nbdev_overview.dependencies import DependencyGraph, ModuleDependency, generate_mermaid_diagram
from cjm_nbdev_overview.parsers import ClassInfo, FunctionInfo, VariableInfo, parse_notebook
from docs import reading_order
from tree import ROOT

NBS, PACKAGE = ROOT / "nbs", ROOT / "cjm_fasthtml_sse"
COMMANDS = """## CLI Reference

Two commands, both modules of the package: one publishes from outside of a web server, the other shows the demo.

``` bash
python -m cjm_fasthtml_sse publish --url URL --type TYPE --data JSON [--topic TOPIC] [--key KEY] [--retain]
python -m cjm_fasthtml_sse.demo [--host HOST] [--port 5001] [--htmx 2|4] [--htmx-from DIR] \\
    [--workers 1] [--backplane URL]
```"""
OVERVIEW = "## Module Overview\n\nDetailed documentation for each module in the project:"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def notebooks() -> list[Path]:
    "The notebooks that a module is exported from, in the sidebar's order, those that it does not name last."
    order = {NBS / href: place for place, href in enumerate(reading_order())}
    exported = [p for p in sorted(NBS.rglob("*.ipynb")) if module_file(p).exists()]
    return sorted(exported, key=lambda p: order.get(p, len(order)))


def module_file(notebook: Path) -> Path:
    "The module that `notebook` is exported to: it has the same place and name."
    return PACKAGE / notebook.relative_to(NBS).with_suffix(".py")


def signature(node: ast.AST, source: str) -> str:
    "The text of a definition up to its body, with its comments."
    lines, first = source.splitlines(), node.body[0]
    above = [*lines[node.lineno - 1:first.lineno - 1], lines[first.lineno - 1][:first.col_offset]]
    return "\n".join(line.removeprefix(" " * node.col_offset) for line in above).rstrip()


def put_right(info: FunctionInfo, node: ast.AST, source: str) -> FunctionInfo:
    "`info` with the signature and docstring that `node` has in `source`."
    info.signature, info.docstring = signature(node, source), ast.get_docstring(node)
    return info


def field(node: ast.AnnAssign, source: str) -> VariableInfo:
    "A dataclass's field with its comment."
    comment = source.splitlines()[node.end_lineno - 1][node.end_col_offset:].strip().removeprefix("#").strip()
    value = ast.unparse(node.value) if node.value else None
    return VariableInfo(node.target.id, value, ast.unparse(node.annotation), comment)


def put_class_right(info: ClassInfo, node: ast.ClassDef, source: str):
    "The same for a class: its line, its public methods, and the fields of a dataclass."
    methods = {n.name: n for n in node.body if isinstance(n, FUNCTIONS)}
    info.signature = signature(node, source)
    info.methods = [put_right(m, methods[m.name], source) for m in info.methods]
    decorators = [ast.unparse(d) for d in node.decorator_list]
    if not any(d.startswith("dataclass") for d in decorators): return
    info.attributes = [field(n, source) for n in node.body if isinstance(n, ast.AnnAssign)]
    info.decorators = ["dataclass"]


def overview(notebook: Path) -> str:
    "The overview of one module: public names only, signatures as they stand in the module."
    info, source = parse_notebook(notebook), module_file(notebook).read_text(encoding="utf-8")
    nodes = {n.name: n for n in ast.parse(source).body if isinstance(n, (*FUNCTIONS, ast.ClassDef))}
    for kind in ("functions", "classes", "variables"):
        setattr(info, kind, [o for o in getattr(info, kind) if o.is_exported and not o.name.startswith("_")])
    for function in info.functions: put_right(function, nodes[function.name], source)
    for cls in info.classes: put_class_right(cls, nodes[cls.name], source)
    return generate_module_overview(info)


def dotted(notebook: Path) -> str:
    "The name of the module that `notebook` is exported to, without the package's."
    return ".".join(notebook.relative_to(NBS).with_suffix("").parts)


def imported(notebook: Path) -> set[str]:
    "The modules of this package that the module of `notebook` imports."
    package, found = dotted(notebook).split(".")[:-1], set()
    for node in ast.walk(ast.parse(module_file(notebook).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level: continue
        base = package[:len(package) + 1 - node.level] + (node.module.split(".") if node.module else [])
        found |= {".".join(base)} | {".".join([*base, alias.name]) for alias in node.names}
    return found


def dependencies() -> str:
    "The section that draws which module imports which."
    graph, names = DependencyGraph(), {dotted(p): p for p in notebooks()}
    for name, path in names.items():
        info = parse_notebook(path)
        info.name = name
        graph.modules[name] = info
    edges = [(name, target) for name, path in names.items() for target in names if target in imported(path)]
    graph.dependencies = [ModuleDependency(source=a, target=b, import_type="from") for a, b in edges]
    diagram = generate_mermaid_diagram(graph, direction="LR").replace("```mermaid", "```{mermaid}")
    return f"## Module Dependencies\n\n{diagram}\n\nAn arrow leads from a module to one that it imports."


def sections() -> list[str]:
    "All of the sections, one text for each cell."
    return [add_project_structure_section(get_config().nbs_path / "index.ipynb"), dependencies(), COMMANDS, OVERVIEW,
            *(overview(path) for path in notebooks())]
