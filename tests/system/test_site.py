"""The site in Chromium, at the size of a desktop and of a phone, light and dark; and tests of the site's own checks.

Screenshots are written to `tests/screenshots/`, which git ignores.
"""

import operator
import os
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[2]
DOCS, SCREENSHOTS = ROOT / "_docs", ROOT / "tests/screenshots"
sys.path.append(str(ROOT / "tools"))  # The checks are scripts outside the package

import docs  # noqa: E402
import links  # noqa: E402
import pages  # noqa: E402
from rooms import all_rooms  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
CROSS = [("desk", "dark"), ("phone", "light")]  # Where size and colours are independent
SHOWN = ["index", "tutorials/dashboard", "core/broadcast"]
LONG = 35  # Characters of a word that is wider than a phone
TIMEOUT = 20_000  # Milliseconds until a wait fails

# The contrast ratio of WCAG 2.1 between an element's text and its background.
CONTRAST = """elt => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const layers = [];
  for (let each = elt; each; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
  layers.push([255, 255, 255, 1]);
  let back = [255, 255, 255];
  for (const [r, g, b, a = 1] of layers.reverse()) back = back.map((c, i) => c * (1 - a) + [r, g, b][i] * a);
  const pair = [light(parse(getComputedStyle(elt).color)), light(back)].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
}"""


# The texts that are cut off at the right edge of a page, and are not in a part that scrolls.
CUT_OFF = """() => {
  const scrolls = elt => elt && (/auto|scroll/.test(getComputedStyle(elt).overflowX) || scrolls(elt.parentElement));
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), found = [];
  for (const range = document.createRange(); words.nextNode();) {
    range.selectNodeContents(words.currentNode);
    const wide = [...range.getClientRects()].some(box => box.width && box.right > innerWidth + 1);
    if (wide && !scrolls(words.currentNode.parentElement)) found.push(words.currentNode.data);
  }
  return found;
}"""


def made_from():
    "The files that a built page depends on."
    files = [ROOT / "_quarto.yml", ROOT / "pyproject.toml", *ROOT.glob("*.md"), *(ROOT / "tools").glob("*.py")]
    files += [path for path in (ROOT / "nbs").rglob("*") if path.suffix in (".ipynb", ".qmd", ".css")]
    return [path for path in files if path.exists()]


@pytest.fixture(scope="module")
def url():
    "The address of the served site, which is built first if a source is newer"
    start = DOCS / "index.html"
    if not start.exists() or start.stat().st_mtime < max(path.stat().st_mtime for path in made_from()):
        subprocess.run([sys.executable, ROOT / "tools/docs.py"], cwd=ROOT, capture_output=True, check=False)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): "Log nothing"

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=DOCS)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def look(request, chromium, url):
    "`look(page)` opens a page of the site, without the fonts and diagrams of other hosts"
    size, scheme = request.param
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(TIMEOUT)
    context.route(lambda address: not address.startswith(url), lambda route: route.abort())
    broken = []
    context.on("response", lambda r: r.status >= 400 and r.url.startswith(url) and broken.append(r.url))
    context.on("weberror", lambda error: broken.append(str(error.error)))

    def look(name):
        page = context.new_page()
        page.goto(f"{url}/{name}.html", wait_until="domcontentloaded")
        expect(page.locator("h1").first).to_be_visible()
        return page, size, scheme

    yield look
    context.close()
    assert broken == []


def can_be_read(page, element):
    "Wait until the text has the contrast that WCAG 2.1 requires (AA)."
    page.wait_for_function(f"elt => ({CONTRAST})(elt) >= 4.5", arg=element.element_handle())


def test_a_page_shows_the_code_of_internal_names_after_its_prose(url):
    page = httpx2.get(f"{url}/runtime/time.html").text
    text = re.sub(r"<[^>]+>", "", page)
    places = [text.index(part) for part in ("The defaults are", "class Time:", "The constructor of a manager")]
    assert places == sorted(places) and "#| exporti" not in text


@pytest.mark.sample(4)  # Each page and each look, in other pairs
@pytest.mark.parametrize("look", LOOKS, ids="-".join, indirect=True)
@pytest.mark.parametrize("name", SHOWN)
def test_a_page_fits_its_screen_and_can_be_read(look, name):
    page, size, scheme = look(name)
    page.wait_for_function("document.readyState == 'complete'")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name.replace('/', '-')}-{size}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    for text in ("main p", "main p a, main li a", "main pre code", "main p code", "main h2"):
        if page.locator(text).count(): can_be_read(page, page.locator(text).first)
    darkness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, c) => sum + +c, 0)"
    assert (page.evaluate(darkness) < 384) == (scheme == "dark")


def with_long_words():
    "The built pages that have a word wider than a phone outside of blocks of code"
    for path in sorted(DOCS.rglob("*.html")):
        main = path.read_text(encoding="utf-8").partition("<main")[2].partition("</main>")[0]
        inline = re.sub(r"<pre.*?</pre>|</?(a|code|em|span|strong)\b[^>]*>", "", main, flags=re.S)
        if max(map(len, re.sub("<[^>]+>", " ", inline).split()), default=0) >= LONG:
            yield path.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("look", [("phone", "light")], ids="-".join, indirect=True)
@pytest.mark.parametrize("others", [tuple, pytest.param(with_long_words, marks=pytest.mark.long)], ids=["some", "all"])
def test_long_words_are_not_cut_off_on_a_phone(look, others):
    cut_off, names = {}, {*others(), *SHOWN, "explains/security", "tutorials/chat"}
    for name in sorted(names):
        page, _, _ = look(name)
        page.evaluate("document.querySelector('link[href$=\"smalldocs.css\"]').remove()")  # Quarto's pages are without
        if found := page.evaluate(CUT_OFF): cut_off[name] = found
        page.close()
    assert cut_off == {}


@pytest.mark.sample(1)
@pytest.mark.parametrize("look", CROSS, ids="-".join, indirect=True)
@pytest.mark.parametrize("name", ["tutorials/dashboard", "tutorials/language_model"])
def test_its_pictures_are_shown_and_described(look, name):
    page, _, _ = look(name)
    picture = page.locator("main .cell img").first
    picture.scroll_into_view_if_needed()
    assert len(picture.get_attribute("alt") or "") > 20
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 300
    assert picture.evaluate("img => img.getBoundingClientRect().right <= innerWidth")


@pytest.mark.parametrize("look", CROSS, ids="-".join, indirect=True)
def test_search_finds_a_page_and_its_box_can_be_read(look):
    page, size, _ = look("index")
    if size == "phone": page.locator(".navbar-toggler").click()
    box = page.locator("#quarto-search input")
    expect(box).to_be_visible()
    can_be_read(page, box)
    box.fill("thermometer")
    expect(page.locator("#quarto-search a[href*='dashboard'], .aa-Panel a[href*='dashboard']").first).to_be_visible()


@pytest.mark.sample(4)
@pytest.mark.parametrize("look", LOOKS, ids="-".join, indirect=True)
@pytest.mark.parametrize("name", ["index", "core/broadcast", "core/presence_events"])
def test_the_sidebar_shows_where_a_page_is(look, name):
    page, size, scheme = look(name)
    if size == "phone": page.locator(".quarto-btn-toggle").first.click()
    sidebar, open_page = page.locator("#quarto-sidebar"), page.locator("#quarto-sidebar .active")
    page.wait_for_function("elt => elt.getBoundingClientRect().left >= 0", arg=sidebar.element_handle())
    expect(open_page).to_be_in_viewport(ratio=1)
    header, shown = page.locator("#quarto-header").bounding_box(), sidebar.bounding_box()
    assert shown["y"] >= header["height"] - 1 and shown["y"] + shown["height"] <= SIZES[size][1] + 1
    can_be_read(page, open_page)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"sidebar-{name.replace('/', '-')}-{size}-{scheme}.png")


# The parts of Quarto's pages whose colours `styles.css` changes. Quarto takes the colours of diagrams from the theme
# (https://quarto.org/docs/authoring/diagrams.html#customizing-the-mermaid-theme), and that of code suits a light page.
QUARTO = """<style>:root { --mermaid-bg-color: var(--bs-body-bg); --mermaid-label-bg-color: var(--bs-body-bg);
  --mermaid-edge-color: var(--bs-secondary); --mermaid-label-fg-color: var(--bs-primary);
  --mermaid-node-fg-color: var(--bs-primary); --mermaid-node-bg-color: rgba(var(--bs-primary-rgb), 0.1) }
  code { color: #202020 }</style>
  <main class="content"><table><tr><th><code>header</code></th><td><code>cell</code></td></tr></table>
  <h3><code>heading</code></h3><p><code>prose</code></p><p><a href="#">link</a> <a href="#"><code>name</code></a></p>
  <p style="color: var(--mermaid-edge-color)">message</p><p style="color: var(--mermaid-label-fg-color)">actor</p>
  <p style="color: var(--mermaid-node-fg-color)">border</p>
  <p style="color: var(--mermaid-label-fg-color); background: var(--mermaid-node-bg-color)">node</p></main>"""


@pytest.mark.parametrize("theme, scheme", [("cosmo", "light"), ("darkly", "dark")])
def test_code_and_diagrams_of_quarto_can_be_read_in_both_themes(chromium, url, theme, scheme):
    page = chromium.new_page()
    page.goto(f"{url}/styles.css")
    sheets = (f"site_libs/themes/{theme}.min.css", "styles.css")
    page.set_content(QUARTO.join(f'<link rel="stylesheet" href="{url}/{sheet}">' for sheet in sheets))
    page.evaluate(f"document.body.className = 'quarto-{scheme}'")
    texts = page.locator("main :is(code, a, p[style])").all()
    found = [(text.text_content(), text.evaluate(CONTRAST)) for text in texts]
    followed = page.locator("main").evaluate("elt => getComputedStyle(elt).colorScheme")  # Which pictures follow
    page.close()
    assert followed == scheme
    assert len(found) == 11 and [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def contrast(one, other):
    "The contrast ratio of WCAG 2.1 between two colours, as `rgb(…)`"
    assert all(re.fullmatch(r"rgb\(\d+, \d+, \d+\)", colour) for colour in (one, other)), "transparent, or no colour"
    parts = [[int(part) / 255 for part in re.findall(r"\d+", colour)[:3]] for colour in (one, other)]
    parts = [[part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in each] for each in parts]
    dark, light = sorted(sum(map(operator.mul, each, (0.2126, 0.7152, 0.0722))) for each in parts)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_plot_can_be_read_on_a_page_of_any_colour(chromium, scheme):
    page = chromium.new_page(color_scheme=scheme)
    page.set_content((ROOT / "nbs/explains/performance/fanout.svg").read_text(encoding="utf-8"))
    def colours(part, prop): return page.locator(part).evaluate_all(f"all => all.map(e => getComputedStyle(e).{prop})")
    width, card = (page.locator(part).first.evaluate("e => e.getBBox().width") for part in ("svg", "svg > rect"))
    (back,) = colours("svg > rect", "fill")
    texts, bars = colours("text", "fill"), colours("g rect", "stroke")
    page.close()
    assert card == width > 0 and texts and bars
    assert min(contrast(text, back) for text in texts) >= 4.5
    assert min(contrast(bar, back) for bar in bars) >= 3


def test_the_checks_find_what_is_wrong(tmp_path):
    (tmp_path / "one.html").write_text('<a href="two.html">x</a><a href="#no">x</a><p id="here">', encoding="utf-8")
    assert len(links.broken_in_site(tmp_path)) == 2
    assert pages.without_description(tmp_path) == ["one.html: no description"]
    assert "one.html: no next page" in pages.without_next(tmp_path, "")
    assert "one.html: no next page" not in pages.without_next(tmp_path, "one.html")
    assert links.broken_in_llms(tmp_path, "https://example.org") == ["llms.txt: not in the site"]
    (tmp_path / "llms.txt").write_text("[a](https://example.org/gone.html.md)", encoding="utf-8")
    assert links.broken_in_llms(tmp_path, "https://example.org") == ["llms.txt: gone.html.md: no such file"]
    assert any("no entry in the reference" in line for line in pages.undocumented(tmp_path))


def undescribed_function(known: int, # A description
    unknown: int): "A function for the test below"


def test_a_parameter_without_a_description_is_found():
    assert pages.undescribed("f", undescribed_function) == ["f: unknown has no description"]


def test_the_reference_has_the_modules_with_public_names_and_no_others():
    rooms = {f"{name.replace('.', '/')}.ipynb": room for name, room in all_rooms().items()}
    entries = {each["section"]: each for each in sidebar()}
    def modules(section): return [href for href in docs.hrefs(entries[section]) if href in rooms]
    assert sorted(modules("Reference")) == sorted(href for href, room in rooms.items() if room.public)
    assert sorted(modules("Inside the package")) == sorted(href for href, room in rooms.items() if not room.public)
    for section in ("Reference", "Inside the package"):
        for wing in (each for each in entries[section]["contents"] if isinstance(each, dict)):
            assert {href.partition("/")[0] for href in docs.hrefs(wing)} == {wing["section"].lower()}


def sidebar():
    "The sections of the sidebar"
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    return config["website"]["sidebar"]["contents"]


def test_every_page_of_the_sidebar_is_there_and_every_page_is_in_it(): assert docs.sidebar_problems() == []


def test_a_page_includes_only_files_of_the_notebooks_folder():
    "nbdev-docs renders copies of that folder, in which a path that leads out of it has no file"
    folder, found = ROOT / "nbs", []
    for page in folder.rglob("*.qmd"):
        for name in re.findall(r"\{\{< include (\S+) >\}\}", page.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(page.parent / name))
            assert folder in path.parents and path.is_file(), (page, name)
            found.append(path.name)
    assert sorted(found) == ["CHANGELOG.md", "CONTRIBUTING.md"]
