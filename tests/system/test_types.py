"""Stubs have the signatures and comments of their modules, and tests/typed uses each public call.

`python tools/check.py wheel` runs mypy and pyright on tests/typed, with the installed wheel.
"""

import ast
import inspect
import pydoc
import sys
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import cjm_fasthtml_sse
import pytest
from fastcore.docments import docments

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
import checkers  # noqa: E402
from cjm_fasthtml_sse._exports import modules  # noqa: E402

from .test_seed import TABLE  # noqa: E402

PUBLIC = {name: getattr(cjm_fasthtml_sse, name) for name in cjm_fasthtml_sse.__all__}
CLASSES = {name: of for name, of in PUBLIC.items() if inspect.isclass(of)}
CALLS = ast.parse((ROOT / "tests/typed/public_calls.py").read_text(encoding="utf-8"))


def methods(cls: type) -> dict[str, object]:
    "The public methods and properties that a class has from this package, as they are stored"
    held = {name: value for each in reversed(cls.__mro__) if each.__module__.startswith("cjm_fasthtml_sse")
            for name, value in vars(each).items()}
    return {name: value for name, value in held.items()
            if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))}


def used_on(cls: str) -> set[str]:
    "The attributes that functions of public_calls.py use of a parameter of this class"
    found = set()
    for function in ast.walk(CALLS):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)): continue
        names = {a.arg for a in function.args.args if a.annotation and ast.unparse(a.annotation) == cls}
        found |= {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)
                  and isinstance(node.value, ast.Name) and node.value.id in names}
    return found


@cache
def stub(module: str) -> dict[str, ast.stmt]:
    "The definitions in the stub of a module"
    path = ROOT / "cjm_fasthtml_sse" / f"{module.replace('.', '/')}.pyi"
    return {node.name: node for node in ast.parse(path.read_text(encoding="utf-8")).body if hasattr(node, "name")}


def definitions() -> list:
    "Each public function and method, by its name, with the module that has its stub"
    found = [(name, of, modules[name]) for name, of in PUBLIC.items() if inspect.isfunction(of)]
    for name, cls in CLASSES.items():
        own = {"__init__": cls.__init__} if inspect.isfunction(cls.__init__) and not is_dataclass(cls) else {}
        for method, value in (methods(cls) | own).items():
            if getattr(value, "__module__", "").startswith("cjm_fasthtml_sse"):
                found.append((f"{name}.{method}", value, modules[name]))
    return [pytest.param(*each, id=each[0]) for each in found]


def in_stub(name: str, module: str) -> ast.stmt | None:
    "The definition of a function or method in the stub; a method may be that of a public base"
    cls, _, method = name.rpartition(".")
    if not cls: return stub(module)[method]
    for each in CLASSES[cls].__mro__:
        if each.__name__ not in CLASSES: continue
        for node in stub(modules[each.__name__])[each.__name__].body:
            if getattr(node, "name", None) == method: return node
    return None


def test_public_calls_use_every_public_name():
    imported = {alias.name for node in CALLS.body if isinstance(node, ast.ImportFrom)
                and node.module == "cjm_fasthtml_sse" for alias in node.names}
    used = {node.id for node in ast.walk(CALLS) if isinstance(node, ast.Name)}
    assert imported == set(PUBLIC) and imported <= used


@pytest.mark.parametrize("cls", CLASSES)
def test_public_calls_use_every_method(cls):
    used = set.union(*(used_on(each.__name__) for each in CLASSES[cls].__mro__))
    assert set(methods(CLASSES[cls])) - used == set()


def test_public_calls_use_every_signature_of_0_0_12():
    used = {node.attr for node in ast.walk(CALLS) if isinstance(node, ast.Attribute)}
    used |= {node.func.id for node in ast.walk(CALLS) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    missing = {name for _, _, name, _ in TABLE if name.rpartition(".")[2] not in used}
    assert missing == {"ConnectionState"}, "it is not called; its members are used"
    assert "CONNECTED" in used


@pytest.mark.parametrize("name, value, module", definitions())
def test_a_stub_has_the_signature_and_the_comments(name, value, module):
    node = in_stub(name, module)
    live = inspect.signature(value).parameters.values()
    if name.endswith(".lifespan"): assert isinstance(node, ast.FunctionDef)
    else: assert isinstance(node, ast.AsyncFunctionDef) == inspect.iscoroutinefunction(value)
    code = f"def f({ast.unparse(node.args)}): pass"
    shown = inspect.signature(eval_function(code)).parameters
    assert [(p.name, p.kind, p.default is p.empty) for p in shown.values()] == [
        (p.name, p.kind, p.default is p.empty) for p in live]
    for doc in (ast.get_docstring(node), pydoc.getdoc(value)):
        assert [each for each in docments(value).values() if each and each not in doc] == []


@pytest.mark.parametrize("cls", [name for name, of in CLASSES.items() if is_dataclass(of)])
def test_a_stub_has_the_fields_and_their_comments(cls):
    node = stub(modules[cls])[cls]
    shown = [(each.target.id, each.value is None) for each in node.body if isinstance(each, ast.AnnAssign)]
    assert shown == [(p.name, p.default is p.empty) for p in inspect.signature(CLASSES[cls]).parameters.values()]
    about = docments(CLASSES[cls], returns=False)
    assert set(about) >= {name for name, _ in shown}
    for doc in (ast.get_docstring(node), pydoc.getdoc(CLASSES[cls])):
        assert all(comment in doc for comment in about.values() if comment)


def test_help_shows_each_comment_once():
    for name in PUBLIC: cjm_fasthtml_sse.__getattr__(name)
    shown = pydoc.render_doc(cjm_fasthtml_sse.BroadcastManager.broadcast, renderer=pydoc.plaintext)
    assert shown.count("topic: Its topic; None for all connections") == 1
    assert shown.index("Broadcast a message") < shown.index("topic: Its topic")


def eval_function(code: str):
    "A function with these parameters, whose types are not evaluated"
    names = {}
    exec(f"from __future__ import annotations\n{code}", names)
    return names["f"]


def test_all_stubs_are_typed_and_import_only_what_exists():
    for path in (ROOT / "cjm_fasthtml_sse").rglob("*.pyi"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names: assert hasattr(import_module(node.module), alias.name), (path, alias.name)
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)): continue
            given = (*node.args.args, node.args.vararg, *node.args.kwonlyargs, node.args.kwarg)
            untyped = [a.arg for a in given if a and not a.annotation]
            assert untyped in ([], ["self"]) and node.returns, (path, node.name)


def test_checkers_have_to_find_marked_mistakes_and_no_others(tmp_path):
    (tmp_path / "a.py").write_text("f(1)  # wrong: a number\nf('a')\nreveal_type(f)  # shown: F\n")
    error, note = ("a.py", 1, "error", "no"), ("a.py", 3, "note", 'Revealed type is "m.F"')
    assert checkers.differences([error, note], tmp_path) == []
    assert checkers.differences([note], tmp_path) == ["a.py:1: not found: a number"]
    assert checkers.differences([error, ("a.py", 2, "error", "bad"), note], tmp_path) == ["a.py:2: bad"]
    hidden, = checkers.differences([error, ("a.py", 3, "note", 'Revealed type is "Any"')], tmp_path)
    assert hidden.endswith("not F")


def test_there_are_at_least_six_mistakes():
    assert len(checkers.marks(checkers.FILES, "wrong")) >= 6
    assert checkers.marks(checkers.FILES, "shown")
