"""WebKit (WebKitGTK's MiniBrowser), by Selenium, with the part of Playwright's page that the tests use

What is not here WebKit's driver cannot do, and a test that asks for it says so by `needs` (see `engines.py`).
"""
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from features import VERSIONS
from playwright.sync_api import Error
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

DRIVER = os.environ.get('WEBKIT_DRIVER', '/usr/bin/WebKitWebDriver')
FOUND = sorted(Path('/usr/lib').glob('*/webkit2gtk-4.1/MiniBrowser'))  # in a folder of the machine's architecture
MINI_BROWSER = os.environ.get('WEBKIT', str(FOUND[-1]) if FOUND else '/usr/bin/MiniBrowser')
XVFB = '/usr/bin/Xvfb'
SOFTWARE = dict(WEBKIT_DISABLE_COMPOSITING_MODE='1', LIBGL_ALWAYS_SOFTWARE='1')
TIMEOUT = 10  # seconds that a wait may take before it fails, unless told; a generous limit, not a delay
OFTEN = .03  # seconds between two looks at what is waited for
# The driver has no console to read: what a page says is noted in the page, from its load on
NOTE = '''() => {
    if (window.noted) return;
    window.noted = [];
    for (const [name, kind] of [['error', 'error'], ['warn', 'warning']]) {
        const say = console[name];
        console[name] = (...words) => { window.noted.push([kind, words.map(String).join(' ')]); say(...words); }; }
    addEventListener('error', ({message}) => window.noted.push(['error', message]));
    addEventListener('unhandledrejection', ({reason}) => window.noted.push(['error', `${reason}`])); }'''


def dies_with_us():
    "Where the test's process is killed, so is what it started, as far as the system can tell it so"
    if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


OWN_GROUP = dict(start_new_session=True, preexec_fn=dies_with_us)


def end_group(process):
    "Ends a process that leads its group, and all that it started"
    with suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def display():
    "A screen that nobody sees, with a number that is free"
    read, write = os.pipe()
    command = [XVFB, '-displayfd', str(write), '-screen', '0', '1280x1024x24', '-nolisten', 'tcp']
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL, **OWN_GROUP)
    os.close(write)
    try:
        with os.fdopen(read) as told: number = told.readline().strip()
        if not number: raise RuntimeError(f'{XVFB} did not start')
        yield f':{number}'
    finally: end_group(process)


class Browser:
    "Starts sessions; each is one person's browser"
    def __init__(self, display): self.display, self.contexts = display, []

    def new_context(self):
        self.contexts.append(context := Context(self))
        return context

    def close(self):
        for context in list(self.contexts): context.close()


class Context:
    "A session: a driver of its own and a browser of its own, in one group of processes"
    def __init__(self, browser):
        self.browser, self.timeout, self.pages, options = browser, TIMEOUT, [], Options()
        options.binary_location = MINI_BROWSER
        options.add_argument('--automation')
        env = {**os.environ, **SOFTWARE, 'DISPLAY': browser.display}
        self.service = Service(DRIVER, env=env, popen_kw={**OWN_GROUP})
        try: self.driver = webdriver.WebKitGTK(options=options, service=self.service)
        except BaseException:
            self.end()
            raise
        self.driver.set_script_timeout(60)
        VERSIONS['webkit'] = self.driver.capabilities['browserVersion']
        self.spare = self.driver.current_window_handle  # the last tab that is closed would end the session

    def set_default_timeout(self, milliseconds): self.timeout = milliseconds/1000

    def new_page(self):
        if handle := self.spare: self.spare = None
        else: handle = self.open_tab()
        self.pages.append(page := Page(self, handle))
        return page

    def open_tab(self):
        with errors():
            self.driver.switch_to.window(self.driver.window_handles[0])
            self.driver.switch_to.new_window('tab')
            return self.driver.current_window_handle

    def close(self):
        if self not in self.browser.contexts: return
        self.browser.contexts.remove(self)
        for page in self.pages: page.listen()
        with suppress(WebDriverException, OSError): self.driver.quit()
        self.end()

    def end(self):
        if process := getattr(self.service, 'process', None): end_group(process)


class Message:
    "A line of a console"
    def __init__(self, type, text): self.type, self.text = type, text


@contextmanager
def errors():
    "What Selenium raises, as what Playwright does"
    try: yield
    except WebDriverException as e: raise Error(e.msg or type(e).__name__) from e


def until(look, well, timeout, what):
    "Looks until it is well; returns what was seen. A page that is on its way to another cannot be asked meanwhile"
    deadline, seen = time.monotonic() + timeout, None
    while True:
        try:
            if well(seen := look()): return seen
        except Error as e: seen = e
        if time.monotonic() > deadline: raise Error(f'after {timeout:g} s: {what}; it is {seen!r}')
        time.sleep(OFTEN)


# The source stands in the script itself: a page's policy may forbid it to be evaluated there
CALL = '''const tell = arguments[arguments.length - 1], given = arguments[0];
(async () => {
    const value = (%s), result = await (typeof value === 'function' ? value(given) : value);
    return result === undefined || result instanceof Node ? null : result;
})().then(result => tell({result}), error => tell({error: `${error}`}));'''


class Page:
    "A tab"
    def __init__(self, context, handle):
        self.context, self.driver, self.handle, self.listeners = context, context.driver, handle, []

    @contextmanager
    def shown(self):
        with errors():
            self.driver.switch_to.window(self.handle)
            yield self.driver

    def on(self, event, listener):
        "Errors and warnings, before the page is left; errors that no script catches are among them"
        if event == 'console': self.listeners.append(listener)
        elif event != 'pageerror': raise ValueError(f'WebKit tells nothing of {event!r}')

    def listen(self):
        "Hand on what the page has said, where it can still be asked"
        with suppress(Error):
            for kind, text in self.evaluate('(window.noted ?? []).splice(0)') if self.listeners else []:
                for listener in self.listeners: listener(Message(kind, text))

    @property
    def url(self):
        with self.shown() as driver: return driver.current_url

    def goto(self, url, wait_until=None):
        self.listen()
        with self.shown() as driver: driver.get(url)
        self.evaluate(NOTE)

    def reload(self):
        self.listen()
        with self.shown() as driver: driver.refresh()
        self.evaluate(NOTE)

    def title(self):
        with self.shown() as driver: return driver.title

    def evaluate(self, source, arg=None):
        with self.shown() as driver: told = driver.execute_async_script(CALL % source.strip().rstrip(';'), arg)
        if 'error' in told: raise Error(told['error'])
        return told['result']

    def wait_for_function(self, source, arg=None, polling=None, timeout=None):
        seconds = timeout/1000 if timeout else self.context.timeout
        return until(lambda: self.evaluate(source, arg), bool, seconds, f'{source} of {arg}')

    def wait_for_timeout(self, milliseconds): time.sleep(milliseconds/1000)

    def locator(self, css): return Locator(self, [('css', css)])

    def get_by_role(self, role, name=None): return Locator(self, [('role', role, name)])

    def get_by_label(self, label): return Locator(self, [('label', label)])

    def get_attribute(self, css, name): return self.locator(css).get_attribute(name)

    def add_style_tag(self, content):
        self.evaluate('''content => {
            document.head.append(Object.assign(document.createElement('style'), {textContent: content})) }''', content)

    def set_viewport_size(self, size):
        with self.shown() as driver: driver.set_window_size(size['width'], size['height'])

    def close(self):
        self.listen()
        self.context.pages.remove(self)
        if self.context.spare is None: self.context.spare = self.context.open_tab()
        with self.shown() as driver: driver.close()


# Elements of the page, from the outermost step to the innermost: how it looks, for what, under which name
FIND = r'''const ROLES = {button: 'button, [role=button]', status: '[role=status], output'};
const spaced = text => (text ?? '').replace(/\s+/g, ' ').trim();
const label = each =>
    spaced(each.getAttribute('aria-label') ?? [...(each.labels ?? [])].map(of => of.textContent).join());
const named = (each, name) =>
    !name || (label(each) || spaced(each.textContent)).toLowerCase().includes(name.toLowerCase());
const STEPS = {
    css: (found, css) => found.flatMap(each => [...each.querySelectorAll(css)]),
    role: (found, role, name) => STEPS.css(found, ROLES[role]).filter(each => named(each, name)),
    label: (found, name) => STEPS.css(found, '*').filter(each => label(each) && named(each, name)),
    nth: (found, n) => [found.at(n)].filter(Boolean)};
const all = [...new Set(arguments[0].reduce((found, [step, ...of]) => STEPS[step](found, ...of), [document]))];
'''


class Locator:
    "Elements, looked for anew each time"
    def __init__(self, page, steps): self.page, self.steps = page, steps

    def then(self, *step): return Locator(self.page, [*self.steps, step])

    def locator(self, css): return self.then('css', css)

    def nth(self, n): return self.then('nth', n)

    @property
    def last(self): return self.nth(-1)

    def see(self, source, arg=None):
        "What a function says of all the elements that there are now"
        with self.page.shown() as driver:
            return driver.execute_script(f'{FIND} return ({source})(all, arguments[1]);', self.steps, arg)

    def ask(self, source, arg=None):
        "What a function says of the first one, once it is there"
        source = f'([first], arg) => first && [({source})(first, arg)]'
        return until(lambda: self.see(source, arg), bool, self.page.context.timeout, f'{self.steps}: {source}')[0]

    def element(self): return self.ask('each => each')

    def count(self): return self.see('all => all.length')

    def all_text_contents(self): return self.see('all => all.map(each => each.textContent)')

    def text_content(self): return self.ask('each => each.textContent')

    def inner_html(self): return self.ask('each => each.innerHTML')

    def get_attribute(self, name): return self.ask('(each, name) => each.getAttribute(name)', name)

    def evaluate(self, source, arg=None): return self.ask(source, arg)

    def click(self, no_wait_after=None):
        with errors(): self.element().click()

    def fill(self, text):
        with errors():
            element = self.element()
            element.clear()
            element.send_keys(text)

    def press(self, key):
        with errors(): self.element().send_keys(getattr(Keys, key.upper()))


def spaced(text): return re.sub(r'\s+', ' ', text).strip()


def matches(text, wanted):
    if text is None: return False
    return bool(wanted.search(text)) if hasattr(wanted, 'search') else spaced(text) == spaced(wanted)


class Expectation:
    "What Playwright's `expect` gives for a locator: each asks until it is so"
    def __init__(self, locator): self.locator = locator

    def _until(self, look, well, wanted):
        try: until(look, well, self.locator.page.context.timeout, f'{self.locator.steps} is not {wanted!r}')
        except Error as e: raise AssertionError(str(e)) from e

    def _first(self, source, well, wanted, arg=None):
        "One of the first element, or nothing where there is none"
        look = f'([first], arg) => first ? ({source})(first, arg) : null'
        self._until(lambda: self.locator.see(look, arg), well, wanted)

    def to_have_text(self, wanted):
        if isinstance(wanted, list):
            def well(texts): return len(texts) == len(wanted) and all(map(matches, texts, wanted))
            return self._until(self.locator.all_text_contents, well, wanted)
        self._first('each => each.textContent', lambda text: matches(text, wanted), wanted)

    def to_contain_text(self, wanted):
        self._first('each => each.textContent', lambda text: spaced(wanted) in spaced(text or ''), wanted)

    def to_have_attribute(self, name, wanted):
        self._first('(each, name) => each.getAttribute(name)', lambda v: matches(v, wanted), (name, wanted), name)

    def to_have_value(self, wanted): self._first('each => each.value', wanted.__eq__, wanted)

    def to_have_count(self, wanted): self._until(self.locator.count, wanted.__eq__, wanted)

    def to_be_visible(self): self._first('each => each.checkVisibility()', bool, 'visible')

    def to_be_hidden(self): self._first('each => each.checkVisibility()', lambda seen: not seen, 'hidden')

    def to_be_focused(self): self._first('each => each === document.activeElement', bool, 'focused')
