"Pass the settings of `settings.ini` and PyPI's page to setuptools; all others are in `pyproject.toml`."

import re
import tomllib
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

cfg = ConfigParser(delimiters=["="])
cfg.read("settings.ini", encoding="utf-8")
dft = cfg["DEFAULT"]
extras = [k for k in cfg["extras"] if k not in dft]
urls = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
# The overview of modules is half of README.md, and the site has it in full.
OVERVIEW = f"## Module Overview\n\nThe site has [all modules, with a description of each parameter]" \
           f"({urls['Documentation']}overview.html).\n"
WINGS = "![The eight wings from the top down, with arrows to those that each imports](nbs/images/wings.svg)"


def lines(text): return text.strip().splitlines()


def for_pypi(text: str) -> str:
    "README.md as PyPI can show it: without the overview, a picture for the diagram, and all addresses absolute."
    raw = urls["Repository"].replace("github.com", "raw.githubusercontent.com") + "/main/"
    text = text.partition("## Module Overview\n")[0] + OVERVIEW
    text = re.sub(r"^``` ?mermaid\n.*?^```$", WINGS, text, flags=re.M | re.S)
    text = re.sub(r'(!\[[^\]]*\]\(|src=")(?!https?:)', rf"\1{raw}", text)
    return re.sub(r"(\]\()(?=#)", rf"\1{urls['Repository']}", text)


setup(
    author=dft["author"],
    keywords=dft["keywords"].split(),
    license=dft["license"],
    classifiers=lines(dft["classifiers"]),
    install_requires=lines(dft["requirements"]),
    extras_require={k: lines(cfg["extras"][k]) for k in extras},
    long_description=for_pypi(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
