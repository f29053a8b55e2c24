"""Build the site in `_docs/`, with Quarto if it is installed, else with smalldocs.

Both read the same `_quarto.yml` and the notebooks that nbdev has processed. Each page is also written as Markdown
(`page.html.md`), and `llms.txt` lists these files. The build fails if the sidebar and the pages differ, a link or
anchor is broken, a page has no prose, description or next page, or a public name has no entry.

    python tools/docs.py [build|serve] [--port 4200] [--report FILE]
"""

import argparse
import ast
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
from fastcore.nbio import mk_cell, read_nb, write_nb
from links import broken_in_llms, broken_in_markdown, broken_in_site
from nbdev.config import get_config, update_llms_txt
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
from pages import undocumented, without_description, without_next, without_prose
from tree import ROOT

PAGES = (".ipynb", ".qmd")
DIRECTIVE = re.compile(r"\A(#\|.*\n+)+")  # nbdev leaves these in Markdown cells
WARNING = re.compile(r"\[?WARN", re.I)
# Messages of the builder that are no fault, each with the reason.
NO_FAULT = {
    "unknown key format-links": "nbdev writes it, for Quarto alone",
    "output-file is not read": "nbdev writes it, for Quarto alone",
    "respect-user-color-scheme is ignored": "an option of Quarto's for what smalldocs always does",
    ": broken link ": "links are checked by tools/links.py, which knows the built files",
}


def engine() -> str:
    "The name of the builder that is installed."
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
    "Process the notebooks with nbdev and return the folder `_proc/`."
    update_llms_txt()
    refresh_quarto_yml()
    staged = proc_nbs(force=True)
    for path in staged.rglob("*.ipynb"):
        nb = read_nb(path)
        show_internal(nb, ROOT / "nbs" / path.relative_to(staged))
        for cell in nb.cells:
            if cell.cell_type == "markdown": cell.source = DIRECTIVE.sub("", cell.source)
        if found := constants(path.relative_to(staged)): nb.cells.append(mk_cell(found, "markdown"))
        write_nb(nb, path)
    return staged


def show_internal(nb, source: Path):
    "Show the code of internal names after its prose. nbdev shows a signature for public names, and nothing for others."
    place = 0
    for cell in read_nb(source).cells if source.exists() else []:
        code = DIRECTIVE.sub("", cell.source).strip() if cell.source.startswith("#| exporti") else ""
        if code:
            nb.cells.insert(place, mk_cell(code))
            place += 1
        place = next((i + 1 for i, each in enumerate(nb.cells) if each.get("id") == cell.id), place)


def constants(page: Path) -> str:
    "A table of a module's public constants with their comments, since nbdev's reference has none."
    module = ROOT / "cjm_fasthtml_sse" / page.with_suffix(".py")
    if not module.exists(): return ""
    code = module.read_text(encoding="utf-8")
    lines, rows = code.splitlines(), []
    for node in ast.parse(code).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name): continue
        name, value = node.targets[0].id, ast.unparse(node.value)
        if name.startswith("_") or not name.isupper(): continue
        comment = lines[node.end_lineno - 1][node.end_col_offset :].partition("#")[2].strip()
        rows.append(f'| <span id="{name.lower()}">`{name}`</span> | {shown(value)} | {comment} |')
    head = "## Constants\n\nLimits and tables of this module. Each can be imported, and none should be changed.\n\n"
    return f"{head}| name | value | |\n|---|---|---|\n" + "\n".join(rows) if rows else ""


def shown(value: str, most: int = 60) -> str:
    "A value for a cell of a table; a long value is left to the source."
    return f"`{value}`" if len(value) <= most and not set("|`\n") & set(value) else "see the source"


def render_command(staged: Path) -> list[str]:
    "The command that renders the site. Quarto takes the first argument for the project, so options come after it."
    if engine() == "quarto": return ["quarto", "render", str(staged), "--no-execute"]
    return [sys.executable, "-m", "smalldocs.cli", "render", "--quiet", str(staged)]


def build() -> list[str]:
    "Build `_docs/` and return the builder's warnings and errors, one a line."
    staged, docs = stage(), ROOT / "_docs"
    done = subprocess.run(render_command(staged), capture_output=True, text=True)
    built = staged / docs.name
    shutil.rmtree(docs, ignore_errors=True)
    if built.exists(): shutil.move(built, docs)
    if docs.exists(): write_texts(staged, docs)
    output = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode or not docs.exists(): return output or ["no site was built"]
    return [line for line in output if WARNING.match(line) and not any(known in line for known in NO_FAULT)]


def output_text(output: dict) -> str:
    "The output of a cell as Markdown, without pictures."
    data = output.get("data", {})
    if "text/markdown" in data: return "".join(data["text/markdown"])
    text = "".join(output.get("text") or ([] if "image/png" in data else data.get("text/plain", ""))).rstrip()
    return f"```\n{text}\n```" if text else ""


def as_markdown(page: Path) -> str:
    "A processed page as Markdown."
    if page.suffix == ".qmd": return page_text(page)
    parts, about = [], {}
    for cell in read_nb(page).cells:
        source = cell.source.strip()
        if cell.cell_type == "raw": about = yaml.safe_load(source.strip("- \n")) or {}
        elif cell.cell_type == "markdown": parts.append(source)
        else:
            code = DIRECTIVE.sub("", source + "\n").strip()
            if "echo: false" not in source and code: parts.append(f"```python\n{code}\n```")
            parts += map(output_text, cell.outputs)
    head = [f"# {about['title']}" if "title" in about else "", f"> {about.get('description', '')}".rstrip("> ")]
    return "\n\n".join(part for part in head + parts if part) + "\n"


def page_text(page: Path) -> str:
    "The title, description and text of a page that is not a notebook."
    _, about, text = page.read_text(encoding="utf-8").split("---\n", 2)
    settings = yaml.safe_load(about) or {}
    head = [f"# {settings['title']}" if "title" in settings else "", settings.get("description", "")]
    text = re.sub(r"\{\{< include (\S+) >\}\}", lambda f: (ROOT / "nbs" / "project" / f[1]).read_text("utf-8"), text)
    return "\n\n".join(part.strip() for part in [*head, text] if part.strip()) + "\n"


def write_texts(staged: Path, docs: Path):
    "Write the Markdown of each page beside it, and `llms.txt` with tutorials, explanations and modules."
    site, listed = get_config().doc_url.rstrip("/"), {}
    order = reading_order()
    pages = {path.relative_to(staged).as_posix(): path for path in sorted(staged.rglob("*")) if path.suffix in PAGES}
    for name, page in sorted(pages.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order)):
        target = Path(name).with_suffix(".html")
        if not (docs / target).exists(): continue
        text = as_markdown(page)
        (docs / f"{target}.md").write_text(text, encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.M)
        about = re.search(r"^> (.+)$", text, re.M)
        line = f"- [{title[1] if title else target.stem}]({site}/{target}.md)" + (f": {about[1]}" if about else "")
        if target.stem != "index": listed.setdefault(target.parts[0], []).append(line)
    text = (ROOT / "nbs" / "llms.txt").read_text(encoding="utf-8")
    parts = {"Tutorials": "tutorials", "Explanations": "explains", "Overview": "overview.html"}
    more = "".join(f"## {title}\n\n" + "\n".join(listed.get(f, [])) + "\n\n" for title, f in parts.items())
    (docs / "llms.txt").write_text(text.replace("## Modules", f"{more}## Modules"), encoding="utf-8")


def problems() -> dict[str, list[str]]:
    "Build and check the site; return the problems of each part."
    complaints, docs, site = build(), ROOT / "_docs", get_config().doc_url
    links = broken_in_site(docs, site) + broken_in_llms(docs, site)
    links += [line for path in sorted(ROOT.glob("*.md")) for line in broken_in_markdown(path)]
    checked = {"prose": without_prose(), "descriptions": without_description(docs), "reference": undocumented(docs)}
    checked["next pages"] = without_next(docs, last_page())
    return {f"build with {engine()}": complaints, "sidebar": sidebar_problems(), "links": links, **checked}


def last_page() -> str:
    "The last page in the order of the sidebar."
    found = [page for href in reading_order() for page in sorted((ROOT / "nbs").glob(href))]
    return found[-1].relative_to(ROOT / "nbs").with_suffix(".html").as_posix()


def serve(port: int):
    "Serve `_docs/` on this machine until Ctrl-C."
    handler = partial(SimpleHTTPRequestHandler, directory=ROOT / "_docs")
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port} (Ctrl-C stops it)", flush=True)
        try: server.serve_forever()
        except KeyboardInterrupt: print()


def main():
    parser = argparse.ArgumentParser(description="Build the site, or serve it")
    parser.add_argument("action", nargs="?", choices=["build", "serve"], default="build")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--report", type=Path, help="write the problems to this file as JSON")
    args = parser.parse_args()
    if args.action == "serve": return serve(args.port)
    found = problems()
    if args.report: args.report.write_text(json.dumps(found))
    print(f"Built _docs/ with {engine()}", flush=True)
    if any(found.values()): raise SystemExit("\n".join(line for lines in found.values() for line in lines))


if __name__ == "__main__": main()
