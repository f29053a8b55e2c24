"""Find broken links in the built site (pages, files and anchors) and in the repository's Markdown.

Links to other sites are not followed. A link to the published address of the site counts as one into the folder.

    python tools/links.py [FOLDER]
"""

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tree import ROOT

ATTRIBUTES = {"href", "src"}
MARKDOWN_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


@dataclass
class Page(HTMLParser):
    "The links of one page, and its anchors."
    path: Path
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self):
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        "Record the links and anchors of one start tag."
        for name, value in attrs:
            if not value: continue
            if name in ATTRIBUTES: self.links.append(value)
            elif name == "id" or (tag, name) == ("a", "name"): self.anchors.add(value)


def local_target(link: str, page: Path, folder: Path, site: str) -> tuple[Path, str] | None:
    "The file in `folder` and the anchor that `link` on `page` points to, or None for another site."
    if site and link.startswith(site): link = "/" + link[len(site):]
    url = urlsplit(link)
    if url.scheme or url.netloc: return None
    path = unquote(url.path)
    target = folder / path.lstrip("/") if path.startswith("/") else page.parent / path if path else page
    return target / "index.html" if target.is_dir() else target, unquote(url.fragment)


def broken_in_site(folder: Path, site: str = "") -> list[str]:
    "One line for each broken link in the built site at `folder`, which is published at `site`."
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    broken = {}
    for page in pages.values():
        for link in dict.fromkeys(page.links):
            found = local_target(link, page.path, folder, site)
            if not found: continue
            target, anchor = found
            to = pages.get(target.resolve())
            if target.exists() and not (to and anchor and anchor not in to.anchors | {"top"}): continue
            broken.setdefault((target.resolve(), anchor), []).append((page.path.relative_to(folder), link))
    return [describe(*missing, found_on) for missing, found_on in broken.items()]


def describe(target: Path, anchor: str, found_on: list[tuple[Path, str]]) -> str:
    "One line for all links to the same missing `target`, since an entry of a menu is on every page."
    (page, link), more = found_on[0], len(found_on) - 1
    what = "anchor" if target.exists() else "file"
    return f"{page}: {link}: no such {what}" + (f" (and on {more} other pages)" if more else "")


def broken_in_markdown(path: Path) -> list[str]:
    "One line for each relative link of a Markdown file to a missing file."
    links = map(urlsplit, MARKDOWN_LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))))
    files = [unquote(link.path) for link in links if link.path and not link.scheme]
    return [f"{path.name}: {file}: no such file" for file in files if not (path.parent / file).exists()]


def broken_in_llms(folder: Path, site: str) -> list[str]:
    "One line for each link of `llms.txt` to a missing file of the site, or if there is no `llms.txt`."
    if not (llms := folder / "llms.txt").exists(): return ["llms.txt: not in the site"]
    links = MARKDOWN_LINK.findall(FENCE.sub("", llms.read_text(encoding="utf-8")))
    files = [link.removeprefix(site).lstrip("/") for link in links if link.startswith(site)]
    return [f"llms.txt: {file}: no such file" for file in files if not (folder / file).is_file()]


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_docs")
    broken = broken_in_site(folder) + [line for path in sorted(ROOT.glob("*.md")) for line in broken_in_markdown(path)]
    if broken: raise SystemExit("\n".join(broken))


if __name__ == "__main__": main()
