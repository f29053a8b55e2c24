"Pass the settings of `settings.ini` to setuptools; all others are in `pyproject.toml`."

from configparser import ConfigParser

from setuptools import setup

cfg = ConfigParser(delimiters=["="])
cfg.read("settings.ini", encoding="utf-8")
dft = cfg["DEFAULT"]
extras = [k for k in cfg["extras"] if k not in dft]


def lines(text): return text.strip().splitlines()


setup(
    author=dft["author"],
    keywords=dft["keywords"].split(),
    license=dft["license"],
    classifiers=lines(dft["classifiers"]),
    install_requires=lines(dft["requirements"]),
    extras_require={k: lines(cfg["extras"][k]) for k in extras},
)
