"""A picture of a page, taken by Chromium, for the outputs of notebooks.

Files of a CDN are served from `node_modules`, so no network is needed. Without Chromium or `node_modules`, a notebook
runs without its pictures.
"""

import mimetypes
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from IPython.display import Image, Markdown
from playwright.sync_api import Frame, Page, Route, sync_playwright

MODULES = Path(__file__).resolve().parents[1] / "node_modules"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PICO = MODULES / "@picocss/pico/css/pico.min.css"
PACKAGE = re.compile(r"/npm/(?P<name>(?:@[^/@]+/)?[^/@]+)@(?P<version>[^/]+)/(?P<path>.+)")
MOST = 60_000  # Bytes of one picture
WAIT = 20_000  # Milliseconds until an action fails
SHEET = """<!doctype html><style>
  body {{ display: flex; gap: 14px; margin: 0; padding: 10px; font: 600 13px system-ui; color: #444c56 }}
  figure {{ flex: 1; margin: 0; border: 1px solid #c4cad2; border-radius: 10px; overflow: hidden }}
  figcaption {{ padding: 7px 14px; background: #e4e8ed; border-bottom: 1px solid #c4cad2 }}
  iframe {{ display: block; width: 100%; height: {height}px; border: 0 }}
</style>{figures}"""


def from_cdn(url: str) -> Path | None:
    "The file of `node_modules` for `url`, or None if the page works without it."
    if "pico" in url and url.endswith(".css"): return PICO
    found = PACKAGE.match(urlsplit(url).path)
    if not found: return None
    for name in (f"{found['name'].removesuffix('.org')}-{found['version']}", found["name"]):
        if (path := MODULES / name / found["path"]).is_file(): return path
    return None


def answer(route: Route):
    "Pass requests to the application's server, and answer those to a CDN from files."
    url = route.request.url
    if urlsplit(url).hostname in ("127.0.0.1", "localhost"): return route.continue_()
    if not (path := from_cdn(url)): return route.fulfill(status=200, body="", content_type="text/javascript")
    # Scripts with `integrity` are fetched with CORS.
    headers = {"access-control-allow-origin": "*", "content-type": mimetypes.guess_type(path)[0] or "text/plain"}
    route.fulfill(body=path.read_bytes(), headers=headers)


def take(url: str, act: Callable[[Page], str | None], width: int, height: int | None) -> Image:
    "Open `url`, call `act` with the page, and take a screenshot."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        size = {"width": width, "height": height or 600}
        look = dict(color_scheme="light", reduced_motion="reduce", device_scale_factor=1)
        page = browser.new_context(viewport=size, **look).new_page()
        page.set_default_timeout(WAIT)
        page.route("**/*", answer)
        if not (opened := page.goto(url, wait_until="domcontentloaded")).ok:
            raise ValueError(f"{url} returned {opened.status}")
        alt = act(page)
        page.mouse.move(0, 0)
        shot = page.screenshot(animations="disabled", caret="hide", full_page=height is None)
        browser.close()
    if len(shot) > MOST: raise ValueError(f"The picture has {len(shot)} bytes; the limit is {MOST}")
    return Image(shot, width=width, alt=alt)


def windows(page: Page, pages: dict[str, str], height: int) -> list[Frame]:
    "Show the pages of a dictionary from captions to URLs side by side; return them when their text is there."
    figure = '<figure><figcaption>{}</figcaption><iframe src="{}"></iframe></figure>'
    figures = "".join(figure.format(caption, url) for caption, url in pages.items())
    page.set_content(SHEET.format(height=height, figures=figures))
    frames = [page.locator("iframe").nth(n).element_handle().content_frame() for n in range(len(pages))]
    for frame in frames: frame.locator("h1").wait_for()
    return frames


def picture(
    url: str,  # The page
    act: Callable[[Page], str | None],  # Called with the page; may return the alternative text
    width: int = 640,  # Pixels
    height: int | None = None,  # Pixels; None for the whole page
) -> Image | Markdown:  # The value of a cell
    "A screenshot of `url` after `act` has returned; an error in `act` is raised."
    if not CHROMIUM.exists() or not PICO.exists():
        return Markdown("*No picture: it needs Chromium, and `npm ci` in the repository.*")
    outcome = []

    def run():  # Playwright's sync interface refuses a thread with a running loop, as in a notebook
        try: outcome.append(take(url, act, width, height))
        except BaseException as e:  # noqa: BLE001 - raised again in the notebook
            outcome.append(e)

    (thread := Thread(target=run)).start()
    thread.join()
    if isinstance(outcome[0], BaseException): raise outcome[0]
    return outcome[0]
