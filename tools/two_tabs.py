"""Draw the README's picture: two tabs of the demo side by side, after some input in each.

    python tools/two_tabs.py
"""

import base64
import os
import re
import subprocess
import sys

from playwright.sync_api import Browser, Page, expect, sync_playwright
from tree import ROOT

PICTURE = ROOT / "nbs" / "images" / "two-tabs.png"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WIDTH = 480
MOST = 150_000  # Bytes
ITEMS = ["Water the plants", "Answer Ada’s letter", "Plan the picnic"]
FRAMES = """<!doctype html><style>
  body {{ display: flex; gap: 20px; width: max-content; margin: 0; padding: 12px;
    font: 600 13px system-ui; color: #444c56; }}
  figure {{ margin: 0; border: 1px solid #c4cad2; border-radius: 10px; overflow: hidden; }}
  figcaption {{ padding: 8px 14px; background: #e4e8ed; border-bottom: 1px solid #c4cad2; }}
  img {{ display: block; width: {width}px; }}
</style>{figures}"""


def act(one: Page, two: Page):
    "Enter data in each tab, and wait until both tabs show all of it."
    for _ in range(7): one.get_by_role("button", name="Add one").click()
    for tab, text in zip((one, two, one), ITEMS, strict=True):
        tab.get_by_label("To do").fill(text)
        tab.keyboard.press("Enter")
        for other in (one, two): expect(other.locator("#todos > li").last).to_contain_text(text)
        expect(tab.get_by_label("To do")).to_have_value("")
        expect(tab.get_by_label("To do")).to_be_focused()
    for tab in (one, two): expect(tab.get_by_label("Counter")).to_have_text("7")


def frame(tab: Page, caption: str) -> str:
    "A tab's picture, framed, as HTML."
    tab.mouse.move(0, 0)
    end = tab.locator(".todos").bounding_box()
    tab.set_viewport_size({"width": WIDTH, "height": round(end["y"] + end["height"]) + 20})
    shot = base64.b64encode(tab.screenshot(animations="disabled")).decode()
    return f'<figure><figcaption>{caption}</figcaption><img src="data:image/png;base64,{shot}"></figure>'


def draw(browser: Browser, url: str) -> bytes:
    "The picture as PNG."
    context = browser.new_context(device_scale_factor=2, color_scheme="light", reduced_motion="reduce")
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.set_viewport_size({"width": WIDTH, "height": 800})
        tab.goto(url, wait_until="domcontentloaded")
        expect(tab.locator("#state")).to_have_text("Live")
    act(*tabs)
    tabs[1].evaluate("document.activeElement.blur()")
    figures = "".join(frame(tab, f"Tab {n}") for n, tab in enumerate(tabs, 1))
    sheet = browser.new_page(viewport={"width": 1100, "height": 100}, device_scale_factor=2)
    sheet.set_content(FRAMES.format(width=WIDTH, figures=figures))
    return sheet.locator("body").screenshot(omit_background=True)


def main():
    command = [sys.executable, "-m", "cjm_fasthtml_sse.demo", "--port", "0", "--htmx-from", "node_modules"]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", demo.stdout.readline())[0]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            picture = draw(browser, url)
            browser.close()
    finally:
        demo.terminate()
        demo.wait()
    if len(picture) > MOST: raise SystemExit(f"The picture has {len(picture)} bytes; the limit is {MOST}")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)


if __name__ == "__main__": main()
