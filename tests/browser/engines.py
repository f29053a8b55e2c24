"""The browsers of the tests: how each is started, and the abilities that each lacks here

A test runs in all of them. `@pytest.mark.needs('clock')` names an ability that it needs beyond a page. If `CANNOT` has
that ability for an engine, the test is left out there, with the reason.
"""
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from features import LEFT_OUT, VERSIONS  # noqa: F401 - the first for `conftest.py`
from playwright.sync_api import expect as playwright_expect

from . import webkit

CHROMIUM = os.environ.get('CHROMIUM', '/usr/bin/chromium')
FIREFOX = os.environ.get('FIREFOX', '/usr/bin/firefox-esr')
NEEDED = dict(chromium=[CHROMIUM], firefox=[FIREFOX], webkit=[webkit.DRIVER, webkit.MINI_BROWSER, webkit.XVFB])
PACKAGES = dict(chromium='chromium', firefox='firefox-esr', webkit='webkitgtk-webdriver xvfb')
TIMEOUT = 10_000  # milliseconds before a wait fails; a generous limit, not a delay

# Playwright turns the back/forward cache off; real browsers have it on
NOT_OURS = ['--disable-back-forward-cache']
ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
        '--host-resolver-rules=MAP plain.test 127.0.0.1']  # a name that is neither https nor localhost
PREFS = {'fission.bfcacheInParent': True, 'browser.sessionhistory.max_total_viewers': 8,  # the same, in Firefox
         'network.dns.localDomains': 'plain.test'}

# What tests may need, and which engine cannot do it, and why. The page about browsers says these sentences.
DRIVER = 'its driver supports only WebDriver, which cannot '
BREAKS = 'a click on a link without content breaks a page\'s streams, and they reopen immediately'
BEHIND = 'a tab behind another one has no focus, so what is typed there is no change that a person made'
CANNOT = {
    'chromium': {},
    'firefox': {
        'focus of two': BEHIND,
        'crash': 'a tab cannot be killed: only Chromium has `chrome://crash`, and Playwright ends Firefox with it',
        'kept pages': 'Firefox reloads a page that had a stream on Back',
        'whole streams': BREAKS,
        'colours': 'the driver cannot set the preferred colour scheme'},
    'webkit': {
        'focus of two': BEHIND,
        'clock': DRIVER + 'control the clock',
        'routes': DRIVER + 'answer requests',
        'requests': DRIVER + 'watch requests or send its own',
        'offline': DRIVER + 'take a browser offline',
        'init script': DRIVER + 'run a script before the page\'s own',
        'arrivals': DRIVER + 'wait for a page to load',
        'dialogs': DRIVER + 'wait for dialogs',
        'downloads': DRIVER + 'wait for downloads',
        'messages': DRIVER + 'read the console while a page runs',
        'kept pages': 'on Back, htmx 4 creates a page again that WebKit kept, and the order of the two varies',
        'names': 'it cannot map host names to addresses',
        'crash': 'a killed tab ends its session',
        'whole streams': BREAKS,
        'colours': 'the driver cannot set the preferred colour scheme'}}
NEEDS = {need for cannot in CANNOT.values() for need in cannot}
SHARE = dict(firefox=3, webkit=3)  # so many of an engine's cases run each day, and all of them in the long run


def params():
    "The engines as parameters: Chromium always, the others by turns"
    return [pytest.param(name, marks=[pytest.mark.sample(SHARE[name], of=name)] if name in SHARE else [])
            for name in CANNOT]


def engine_of(item):
    "Return the engine of a case, or None"
    name = item.callspec.params.get('engine') if hasattr(item, 'callspec') else None
    return name if name in CANNOT else None


def reasons(item, engine):
    "Return why a case cannot run in an engine, or None"
    needs = [need for mark in item.iter_markers('needs') for need in mark.args]
    if unknown := {*needs} - NEEDS: raise pytest.UsageError(f'{item.nodeid}: no engine lacks {sorted(unknown)}')
    return [CANNOT[engine][need] for need in needs if need in CANNOT[engine]]


def missing(engine):
    "Return what is not installed"
    absent = [path for path in NEEDED[engine] if not Path(path).exists()]
    return f'{", ".join(absent)} missing: apt-get install {PACKAGES[engine]}' if absent else None


def start_chromium(playwright):
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS, ignore_default_args=NOT_OURS)


def start_firefox(playwright):
    "Return the Firefox of the distribution, which `tools/firefox.py` prepares"
    return Renewed(lambda: playwright.firefox.launch(
        channel='moz-firefox', executable_path=FIREFOX, firefox_user_prefs=PREFS))


class Renewed:
    "Start a new browser after this many contexts: Firefox keeps some 9 MB of each closed one while it is driven"
    CONTEXTS = 60

    def __init__(self, start): self.start, self.browser, self.left = start, start(), self.CONTEXTS

    @property
    def version(self): return self.browser.version

    def new_context(self, **settings):
        if self.left <= 0 and not self.browser.contexts:
            self.close()
            self.browser, self.left = self.start(), self.CONTEXTS
        self.left -= 1
        return self.browser.new_context(**settings)

    def close(self): self.browser.close()


@contextmanager
def started(engine, playwright):
    "Run a browser, on its own display if needed; close it at the end in any case"
    if engine == 'webkit':
        with webkit.display() as display:
            browser = webkit.Browser(display)
            try: yield browser
            finally: browser.close()
        return
    browser = dict(chromium=start_chromium, firefox=start_firefox)[engine](playwright)
    VERSIONS[engine] = browser.version
    try: yield browser
    finally: browser.close()


def expect(what):
    "Playwright's `expect`, for the pages of any engine"
    return webkit.Expectation(what) if isinstance(what, webkit.Locator) else playwright_expect(what)


playwright_expect.set_options(timeout=TIMEOUT)
