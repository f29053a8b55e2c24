"The wings of the package: which wing may import which, no circles, no hidden imports, and a page for each."

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
from rooms import MAY_IMPORT, PACKAGE, WINGS, all_rooms, arrows, circles, methods, wing_arrows  # noqa: E402

ROOMS = all_rooms()


def test_the_table_has_every_wing_and_no_circle():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")} - {"demo"}
    assert folders == set(WINGS)
    for place, wing in enumerate(WINGS): assert set(MAY_IMPORT[wing]) <= set(WINGS[:place]), "the lowest comes first"


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_wings_that_the_table_allows(wing):
    found = {(name, target) for name, targets in arrows(ROOMS).items() for target in targets
             if ROOMS[name].wing == wing and ROOMS[target].wing not in {wing, *MAY_IMPORT[wing]}}
    assert not found


def test_no_modules_import_each_other_in_a_circle():
    assert circles(arrows(ROOMS)) == [] and circles(wing_arrows(ROOMS)) == []


@pytest.mark.parametrize("name", ROOMS)
def test_a_module_has_all_its_imports_at_the_top(name):
    "An import inside a function, or one for type checkers only, would hide an arrow"
    late = [imported for _, imported, is_at_top in ROOMS[name].imports if not is_at_top]
    assert not late


@pytest.mark.parametrize("name", ROOMS)
def test_a_module_imports_each_name_from_a_module_of_a_wing(name):
    "The package's own table of names would hide an arrow, and so would the demo"
    hidden = {(module, imported) for module, imported, _ in ROOMS[name].imports
              if module not in ROOMS and f"{module}.{imported}" not in ROOMS}
    whole = [alias.name for node in ast.walk(ROOMS[name].tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not hidden and not [module for module in whole if module.split(".")[0] == PACKAGE.name]


@pytest.fixture
def package(tmp_path):
    "A package of two rooms: `package(low, high)` writes `runtime.low` and `core.high`, and returns the rooms"
    def package(low, high):
        for name, text in {"runtime/low": low, "core/high": high}.items():
            path = (tmp_path / "sample" / name).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return all_rooms(tmp_path / "sample")
    return package


def test_an_import_upwards_a_circle_and_a_late_import_are_found(package):
    rooms = package("def late(): from ..core import high", "from sample.runtime.low import late")
    assert wing_arrows(rooms) == {"runtime": {"core"}, "core": {"runtime"}}
    assert circles(arrows(rooms)) == ["core.high", "runtime.low"]
    assert rooms["runtime.low"].imports == [("core", "high", False)]


def test_methods_of_private_bases_and_patched_methods_belong_to_the_class(package):
    low = """class _Base:
    def from_base(self): pass
    def overridden(self): pass
class Public:
    def of_its_own(self): pass
"""
    high = """from ..runtime.low import Public, _Base
class Thing(_Base, Public, Foreign):
    def overridden(self): pass
@patch
def patched(self: Thing): pass
@patch
def another(self: Public): pass
"""
    rooms = package(low, high)
    found = methods(rooms["core.high"].definitions["Thing"], rooms["core.high"], rooms, {"Thing", "Public"})
    assert [node.name for _, node in found] == ["overridden", "patched", "from_base"]
