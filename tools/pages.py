"""Check the pages: prose, a description, a next page; and an entry for each public name, with its parameters.

    python tools/pages.py    # after tools/docs.py has built _docs/
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from types import FunctionType

from fastcore.docments import docments
from rooms import APART, WINGS
from links import Page
from tree import ROOT

LEAST_WORDS = 40
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.M | re.S)
NOT_PROSE = re.compile(r"^(\||#|>|- \w+: |#\|).*$", re.M)  # Tables, headings, the description, settings
INCLUDE = re.compile(r"\{\{< include (\S+) >\}\}")
LINK = re.compile(r"\]\((?!https?:)([^)]+\.(?:ipynb|qmd|html))(?:#[^)]*)?\)")
REFERENCE = WINGS  # Folders with a page for each module
LEARNT = ("tutorials", "explains")  # Folders whose pages end with a link to the next one
NAMELESS = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def markdown(path: Path) -> list[str]:
    "The Markdown cells of a notebook, or the text of a page with its includes and without its settings."
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    text = re.sub(r"\A---\n.*?^---\n", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    return [INCLUDE.sub(lambda found: (path.parent / found[1]).read_text(encoding="utf-8"), text)]


def sources() -> list[Path]:
    "The source of every page."
    nbs = ROOT / "nbs"
    found = (path for path in sorted(nbs.rglob("*")) if path.suffix in (".ipynb", ".qmd"))
    return [p for p in found if not any(part.startswith(("_", ".")) for part in p.relative_to(nbs).parts)]


def without_prose() -> list[str]:
    "One line for each page with too little prose."
    counted = [(path, len(NOT_PROSE.sub("", FENCE.sub("", "\n\n".join(markdown(path)))).split())) for path in sources()]
    wordy = {path for path, _ in counted if path.name == "index.qmd"}  # A listing shows the descriptions of its pages
    least = {path: 8 if path in wordy else LEAST_WORDS for path, _ in counted}
    return [f"{path.relative_to(ROOT)}: {n} words of prose" for path, n in counted if n < least[path]]


def without_description(docs: Path) -> list[str]:
    "One line for each built page without a description in its head."
    found = re.compile(r'<meta name="description" content="[^"]{10,}">')
    return [f"{page.relative_to(docs)}: no description" for page in sorted(docs.rglob("*.html"))
            if not found.search(page.read_text(encoding="utf-8"))]


def without_next(docs: Path, last: str) -> list[str]:
    "One line for each page without a link to the next page, in the navigation or in its last cell."
    pages = [page for page in sorted(docs.rglob("*.html")) if page.relative_to(docs).as_posix() != last]
    lost = [f"{page.relative_to(docs)}: no next page" for page in pages
            if "nav-page-next" not in page.read_text(encoding="utf-8")]
    for path in sources():
        folder = path.relative_to(ROOT / "nbs").parts[0]
        if folder not in LEARNT or path.suffix != ".ipynb" or LINK.search(markdown(path)[-1]): continue
        lost.append(f"{path.relative_to(ROOT)}: the last Markdown cell has no link to another page")
    return lost


def public() -> Iterator[tuple[str, str, object]]:
    "Module, name and value of each public name."
    packages = [import_module(name) for name in ("cjm_fasthtml_sse", *(f"cjm_fasthtml_sse.{wing}" for wing in APART))]
    for package, name in ((each, name) for each in packages for name in each.__all__):
        value = getattr(package, name, None)  # None if the table of names is out of date
        yield getattr(value, "__module__", "") if callable(value) else "", name, value


def calls(name: str, value: object) -> Iterator[tuple[str, object]]:
    "The parts of a public name that take parameters: a function, a constructor, a class's own public methods."
    if isinstance(value, FunctionType): yield name, value
    if not inspect.isclass(value): return
    own = vars(value)
    if "__init__" in own: yield name, value if "__dataclass_fields__" in own else own["__init__"]
    for method, function in own.items():
        inherited = any(hasattr(base, method) for base in [*value.__mro__[1:], *protocols(value)])
        if isinstance(function, FunctionType) and not method.startswith("_") and not inherited:
            yield f"{name}.{method}", function


def protocols(value: type) -> list[type]:
    "The protocols of the package that a class implements. Their parameters are described in the protocol."
    found = [p for _, _, p in public() if inspect.isclass(p) and getattr(p, "_is_protocol", False) and p is not value]
    return [p for p in found if all(hasattr(value, method) for method in vars(p) if not method.startswith("_"))]


def undescribed(name: str, call: object) -> list[str]:
    "One line for each parameter of `call` without a description."
    found = docments(call, full=True, eval_str=False)
    known = {key for key, about in found.items() if about.get("docment")}
    named = [p.name for p in inspect.signature(call).parameters.values() if p.kind not in NAMELESS]
    return [f"{name}: {key} has no description" for key in named if key not in known | {"self", "cls"}]


def undocumented(docs: Path) -> list[str]:
    "One line for each public name without an entry in the reference, and for each parameter without a description."
    pages = [Page(path) for folder in REFERENCE for path in sorted((docs / folder).glob("*.html"))]
    anchors = {f"{page.path.parent.name}.{page.path.stem}": page.anchors for page in pages}
    everywhere = set().union(*anchors.values())
    missing = []
    for module, name, value in public():
        if name.lower() not in (anchors.get(".".join(module.split(".")[-2:]), ()) if module else everywhere):
            missing.append(f"{name}: no entry in the reference of {module or 'any module'}")
        for call in calls(name, value): missing += undescribed(*call)
    return missing


def main():
    docs = ROOT / "_docs"
    found = without_prose() + without_description(docs) + without_next(docs, "") + undocumented(docs)
    if found: raise SystemExit("\n".join(found))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
