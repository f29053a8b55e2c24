"The package itself: the names that an import gives, and what the import loads."

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import cjm_fasthtml_sse
import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from exports import INTERNAL  # noqa: E402
from rooms import APART, WINGS  # noqa: E402

PACKAGES = [import_module(f"cjm_fasthtml_sse.{wing}") for wing in WINGS]
MODULES = [f"{each.__name__}.{m.name}" for each in PACKAGES for m in iter_modules(each.__path__) if m.name[0] != "_"]


def public_names(module: str) -> list[str]:
    "The names in the `__all__` of `module`, without those of the table of internal names, which have to exist"
    internal = INTERNAL.get(module.removeprefix("cjm_fasthtml_sse."), "").split()
    assert set(internal) <= set(dir(import_module(module)))
    return [name for name in import_module(module).__all__ if name not in internal]


def in_new_python(code: str):
    "Run `code` in a new Python process, and return its variable `result`"
    script = f"import json, sys\n{code}\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def home_of(module: str):
    "The package from which the public names of `module` are imported: a wing that is apart, or the whole"
    wing = module.split(".")[1]
    return import_module(f"cjm_fasthtml_sse.{wing}") if wing in APART else cjm_fasthtml_sse


@pytest.mark.parametrize("package", [cjm_fasthtml_sse, *(import_module(f"cjm_fasthtml_sse.{wing}") for wing in APART)])
def test_every_public_name_is_in_the_table_and_no_other(package):
    public = {name for module in MODULES if home_of(module) is package for name in public_names(module)}
    assert set(package.__all__) == public, "run `make export`"


@pytest.mark.parametrize("module", MODULES)
def test_a_name_of_the_package_is_the_one_of_its_module(module):
    held = import_module(module)
    for name in public_names(module): assert getattr(home_of(module), name) is getattr(held, name)


def test_names_are_listed_and_others_refused():
    assert set(cjm_fasthtml_sse.__all__) <= set(dir(cjm_fasthtml_sse))
    with pytest.raises(AttributeError, match="no_such_name"): cjm_fasthtml_sse.no_such_name  # noqa: B018
    with pytest.raises(ImportError, match="no_such_name"): exec("from cjm_fasthtml_sse import no_such_name")


def test_importing_the_package_loads_none_of_its_modules():
    loaded = in_new_python("import cjm_fasthtml_sse\nresult = list(sys.modules)")
    assert [m for m in loaded if m.startswith("cjm_fasthtml_sse.")] == ["cjm_fasthtml_sse._exports"]


def test_importing_a_name_loads_nothing_optional():
    heavy = ["redis", "nats", "sqlite3", "uvicorn.main", "IPython", "playwright", "sse_starlette"]
    allowed = in_new_python("import fasthtml.common\nresult = list(sys.modules)")
    loaded = in_new_python("from cjm_fasthtml_sse import *\nresult = list(sys.modules)")
    assert not [m for m in heavy if m in loaded and m not in allowed]
