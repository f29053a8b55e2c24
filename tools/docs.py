"""Build the site into `_docs/`: with Quarto where it is installed, else with smalldocs.

Both read the same `_quarto.yml` and the notebooks as nbdev processed them. Fails where the sidebar and the pages do not
agree, and on broken links and anchors.

    python tools/docs.py [build|serve] [--port 4200] [--report FILE]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from fastcore.nbio import read_nb, write_nb
from links import broken_in_markdown, broken_in_site
from nbdev.config import get_config, update_llms_txt
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from tree import ROOT

PAGES = (".ipynb", ".qmd")
DIRECTIVE = re.compile(r"\A(#\|.*\n+)+")  # nbdev leaves them in Markdown cells, where no renderer takes them away
WARNING = re.compile(r"\[?WARN", re.I)
# Its warnings that are no faults here: keys that nbdev writes for Quarto alone, and links, which are checked anyway.
NO_FAULT = ("unknown key format-links", "output-file is not read", ": broken link ")


def engine() -> str:
    "What builds the site here."
    return "quarto" if shutil.which("quarto") else "smalldocs"


def hrefs(entry) -> Iterator[str]:
    "Every page and pattern that an entry of the sidebar names, in reading order."
    if isinstance(entry, str): yield entry
    elif isinstance(entry, list): yield from (h for e in entry for h in hrefs(e))
    elif isinstance(entry, dict): yield from (h for k in ("href", "contents") if k in entry for h in hrefs(entry[k]))


def reading_order() -> list[str]:
    "The sidebar's pages and patterns, as `_quarto.yml` orders them."
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    return list(hrefs(config["website"]["sidebar"]["contents"]))


def sidebar_problems() -> list[str]:
    "One line for each page of the sidebar that does not exist, and for each page that is in no sidebar."
    nbs = ROOT / "nbs"
    there = {p.relative_to(nbs).as_posix() for p in nbs.rglob("*") if p.suffix in PAGES}
    there = {p for p in there if not any(part.startswith(("_", ".")) for part in p.split("/"))}
    named, missing = set(), []
    for href in reading_order():
        found = {p.relative_to(nbs).as_posix() for p in nbs.glob(href)} if "*" in href else {href} & there
        if not found and "*" not in href: missing.append(f"_quarto.yml: the sidebar names {href}, which does not exist")
        named |= found
    return missing + [f"nbs/{page}: in no sidebar (add it to _quarto.yml)" for page in sorted(there - named)]


def stage() -> Path:
    "Process the notebooks by nbdev into `_proc/`; returns the folder."
    update_llms_txt()
    refresh_quarto_yml()
    staged = proc_nbs(force=True)
    for path in staged.rglob("*.ipynb"):
        nb = read_nb(path)
        for cell in nb.cells:
            if cell.cell_type == "markdown": cell.source = DIRECTIVE.sub("", cell.source)
        write_nb(nb, path)
    return staged


def build() -> list[str]:
    "Build `_docs/` anew; returns the builder's complaints, one a line."
    staged, docs = stage(), ROOT / "_docs"
    smalldocs = [sys.executable, "-m", "smalldocs.cli", "render", "--quiet"]
    renderer = ["quarto", "render", "--no-execute"] if engine() == "quarto" else smalldocs
    done = subprocess.run([*renderer, str(staged)], capture_output=True, text=True)
    built = staged / docs.name
    shutil.rmtree(docs, ignore_errors=True)
    if built.exists(): shutil.move(built, docs)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode or not docs.exists(): return said or ["no site was built"]
    return [line for line in said if WARNING.match(line) and not any(known in line for known in NO_FAULT)]


def problems() -> dict[str, list[str]]:
    "Build the site and check it: what is wrong with each of its parts."
    complaints = build()
    links = broken_in_site(ROOT / "_docs", get_config().doc_url)
    links += [line for path in sorted(ROOT.glob("*.md")) for line in broken_in_markdown(path)]
    return {f"build with {engine()}": complaints, "sidebar": sidebar_problems(), "links": links}


def serve(port: int):
    "Show `_docs/` on this machine until Ctrl-C."
    handler = partial(SimpleHTTPRequestHandler, directory=ROOT / "_docs")
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port} (Ctrl-C ends it)", flush=True)
        try: server.serve_forever()
        except KeyboardInterrupt: print()


def main():
    parser = argparse.ArgumentParser(description="Build the site, or show it")
    parser.add_argument("action", nargs="?", choices=["build", "serve"], default="build")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--report", type=Path, help="write what is wrong there, as JSON")
    args = parser.parse_args()
    if args.action == "serve": return serve(args.port)
    found = problems()
    if args.report: args.report.write_text(json.dumps(found))
    print(f"Built _docs/ with {engine()}", flush=True)
    if any(found.values()): raise SystemExit("\n".join(line for lines in found.values() for line in lines))


if __name__ == "__main__": main()
