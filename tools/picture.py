"""A picture of a page, taken by Chromium, for the outputs of notebooks.

What the page takes from a CDN comes from `node_modules` here, so no network is needed. Where there is no Chromium or no
`node_modules`, a notebook goes on without its pictures.
"""

import mimetypes
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from IPython.display import Image, Markdown
from playwright.sync_api import Page, Route, sync_playwright

MODULES = Path(__file__).resolve().parents[1] / "node_modules"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PICO = MODULES / "@picocss/pico/css/pico.min.css"
PACKAGE = re.compile(r"/npm/(?P<name>(?:@[^/@]+/)?[^/@]+)@(?P<version>[^/]+)/(?P<path>.+)")
MOST = 60_000  # bytes of one picture
WAIT = 20_000  # milliseconds that an action may take before it fails


def from_cdn(url: str) -> Path | None:
    "The file of `node_modules` that stands for `url`; None where there is none, and the page can do without it."
    if "pico" in url and url.endswith(".css"): return PICO
    found = PACKAGE.match(urlsplit(url).path)
    if not found: return None
    for name in (f"{found['name'].removesuffix('.org')}-{found['version']}", found["name"]):
        if (path := MODULES / name / found["path"]).is_file(): return path
    return None


def answer(route: Route):
    "Let the app's own server answer; a CDN never."
    url = route.request.url
    if urlsplit(url).hostname in ("127.0.0.1", "localhost"): return route.continue_()
    if not (path := from_cdn(url)): return route.fulfill(status=200, body="", content_type="text/javascript")
    # Scripts with `integrity` are fetched with CORS.
    headers = {"access-control-allow-origin": "*", "content-type": mimetypes.guess_type(path)[0] or "text/plain"}
    route.fulfill(body=path.read_bytes(), headers=headers)


def take(url: str, act: Callable[[Page], str | None], width: int, height: int | None) -> Image:
    "Open `url`, let `act` do what a person would do, and take the picture of what is there then."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        size = {"width": width, "height": height or 600}
        look = dict(color_scheme="light", reduced_motion="reduce", device_scale_factor=1)
        page = browser.new_context(viewport=size, **look).new_page()
        page.set_default_timeout(WAIT)
        page.route("**/*", answer)
        if not (opened := page.goto(url, wait_until="domcontentloaded")).ok:
            raise ValueError(f"{url} answers {opened.status}")
        alt = act(page)
        page.mouse.move(0, 0)
        shot = page.screenshot(animations="disabled", caret="hide", full_page=height is None)
        browser.close()
    if len(shot) > MOST: raise ValueError(f"The picture has {len(shot)} bytes; {MOST} is the most")
    return Image(shot, width=width, alt=alt)


def picture(
    url: str,  # The page
    act: Callable[[Page], str | None],  # Acts there, with Playwright; may return a text for those who do not see it
    width: int = 640,  # Pixels
    height: int | None = None,  # Pixels; None for the whole page
) -> Image | Markdown:  # To be the value of a cell
    "What `url` looks like once `act` has returned; what `act` raises is raised here."
    if not CHROMIUM.exists() or not PICO.exists():
        return Markdown("*No picture: it wants Chromium, and `npm ci` in the repository.*")
    outcome = []

    def run():  # Playwright's plain interface refuses threads that run a loop, and a notebook's does
        try: outcome.append(take(url, act, width, height))
        except BaseException as e:  # noqa: BLE001 - raised again, in the notebook
            outcome.append(e)

    (thread := Thread(target=run)).start()
    thread.join()
    if isinstance(outcome[0], BaseException): raise outcome[0]
    return outcome[0]
