"""Keep README.md, `nbs/index.ipynb`, the page of module overviews and the pictures of the wings up to date.

`overview.py` writes the last sections of the index notebook, the page `nbs/overview.qmd`, a block in each wing's
`index.qmd`, and the picture of the wings that PyPI shows. README.md is made from the index, with `nbdev-readme` if
Quarto is installed, else with pandoc. The same notebooks give the same text.

    python tools/readme.py [--check]
"""

import difflib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fastcore.nbio import mk_cell, read_nb, write_nb
from nbdev.config import get_config
from nbdev.processors import FilterDefaults
from nbdev.quarto import nbdev_readme, refresh_quarto_yml
from nbdev.readme_filter import rewrite_links
from overview import NBS, full_page, sections, wing_page, wings_picture
from pypandoc import __file__ as pypandoc_file
from rooms import WINGS
from tree import ROOT

INDEX, README = NBS / "index.ipynb", ROOT / "README.md"
FIRST_MADE = "## Project Structure"


def made_pages() -> dict[Path, str]:
    "The text of each page that is made, or has a part that is made."
    wings = {NBS / wing / "index.qmd": wing_page(wing) for wing in WINGS}
    return {NBS / "overview.qmd": full_page(), NBS / "images/wings.svg": wings_picture(), **wings}


def made_index():
    "The index notebook with its last sections made anew."
    nb = read_nb(INDEX)
    first = next((i for i, c in enumerate(nb.cells) if c.source.startswith(FIRST_MADE)), len(nb.cells))
    cells = [mk_cell(text.strip(), "markdown") for text in sections()]
    for place, cell in enumerate(cells): cell["id"] = f"made-{place:02}"
    nb.cells = nb.cells[:first] + cells
    return nb


def pandoc(text: str, *args: str) -> str:
    "Convert `text` with the pandoc of pypandoc_binary."
    command = [Path(pypandoc_file).parent / "files/pandoc", *args]
    return subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True).stdout


def made_readme(nb) -> str:
    "README.md, made from the index `nb` with pandoc by the steps that `nbdev-readme` takes with Quarto."
    FilterDefaults()(nb)
    body = "\n\n".join(fenced(cell) for cell in nb.cells if cell.source and cell.cell_type != "raw")
    body = body.replace("```{mermaid}", "```mermaid")
    doc = json.loads(pandoc(body, "-f", "markdown-smart-implicit_figures", "-t", "json"))
    rewrite_links(doc["blocks"], get_config().doc_url)
    text = pandoc(json.dumps(doc), "-f", "json", "-t", "gfm", "--wrap=preserve")
    return for_readers(f"# {get_config().title}\n\n\n{text}")


def fenced(cell) -> str:
    "The Markdown of one cell."
    return cell.source if cell.cell_type == "markdown" else f"``` python\n{cell.source}\n```"


def for_readers(text: str) -> str:
    "`text` without the directives that nbdev leaves in Markdown, and with pictures addressed from the top folder."
    text = re.sub(r"^\\#\\\| \w+: true\n+", "", text, flags=re.M)
    return re.sub(r'(\]\(|src=")images/', r"\1nbs/images/", text)


def words(text: str) -> list[str]:
    "The words of `text`. Quarto's Markdown and pandoc's differ in their marks only."
    text = re.sub(r"!\[.*?\]\(.*?\)|<figure.*?</figure>|<img.*?>", "", text, flags=re.S)
    plain = pandoc(text, "-f", "gfm", "-t", "plain", "--wrap=none")
    return plain.translate(str.maketrans("“”‘’", "\"\"''")).split()


def difference(was: str, now: str) -> str:
    "The changes from `was` to `now`, as a unified diff."
    files = dict(fromfile="as it is", tofile="as it would be made")
    return "\n".join(difflib.unified_diff(was.splitlines(), now.splitlines(), **files, lineterm="", n=1))


def out_of_date() -> dict[str, str]:
    "The files that are out of date, each with the difference to what would be made."
    nb, stale = made_index(), {}
    for path, now in made_pages().items():
        was = path.read_text(encoding="utf-8") if path.exists() else ""
        if was != now: stale[path.relative_to(ROOT).as_posix()] = difference(was, now)
    was, now = ("\n\n".join(c.source for c in n.cells) for n in (read_nb(INDEX), nb))
    if was != now: stale["nbs/index.ipynb"] = difference(was, now)
    was, now = README.read_text(encoding="utf-8"), made_readme(nb)
    same = words(was) == words(now) if shutil.which("quarto") else was == now
    if not same: stale["README.md"] = difference(was, now)
    return stale


def make():
    "Write the files."
    for path, text in made_pages().items(): path.write_text(text, encoding="utf-8")
    nb = made_index()
    if [c.source for c in nb.cells] != [c.source for c in read_nb(INDEX).cells]: write_nb(nb, INDEX)
    if not shutil.which("quarto"): return README.write_text(made_readme(nb), encoding="utf-8")
    refresh_quarto_yml()
    nbdev_readme.__wrapped__()
    README.write_text(for_readers(README.read_text(encoding="utf-8")), encoding="utf-8")


def main():
    if "--check" not in sys.argv: return make()
    stale = [f"{name} is out of date (run `make readme`)\n{diff}" for name, diff in out_of_date().items()]
    if stale: raise SystemExit("\n".join(stale))


if __name__ == "__main__": main()
