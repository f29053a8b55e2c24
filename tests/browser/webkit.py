"""WebKit (WebKitGTK's MiniBrowser) with Selenium, with the part of Playwright's page that the tests use

WebKit's driver cannot do more. A test that needs more has the mark `needs` (see `engines.py`).
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
from urllib3.exceptions import HTTPError

DRIVER = os.environ.get('WEBKIT_DRIVER', '/usr/bin/WebKitWebDriver')
FOUND = sorted(Path('/usr/lib').glob('*/webkit2gtk-4.1/MiniBrowser'))  # in a folder of the machine's architecture
MINI_BROWSER = os.environ.get('WEBKIT', str(FOUND[-1]) if FOUND else '/usr/bin/MiniBrowser')
XVFB = '/usr/bin/Xvfb'
SOFTWARE = dict(WEBKIT_DISABLE_COMPOSITING_MODE='1', LIBGL_ALWAYS_SOFTWARE='1')
TIMEOUT = 10  # default seconds before a wait fails; a generous limit, not a delay
ANSWER = 90  # seconds for an answer of the driver, which gives none if its browser hangs, whatever its limits are
OFTEN = .03  # seconds between two polls
# The driver has no console, so each page stores its messages from its load on
NOTE = '''() => {
    if (window.noted) return;
    window.noted = [];
    for (const [name, kind] of [['error', 'error'], ['warn', 'warning']]) {
        const say = console[name];
        console[name] = (...words) => { window.noted.push([kind, words.map(String).join(' ')]); say(...words); }; }
    addEventListener('error', ({message}) => window.noted.push(['error', message]));
    addEventListener('unhandledrejection', ({reason}) => window.noted.push(['error', `${reason}`])); }'''


def dies_with_us():
    "End the children if the test's process is killed, as far as the system can"
    if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


OWN_GROUP = dict(start_new_session=True, preexec_fn=dies_with_us)


def end_group(process):
    "End the leader of a process group and all processes in it"
    with suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def display():
    "A virtual display with a free number"
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
    "Start sessions; each is a browser of one user"
    def __init__(self, display): self.display, self.contexts = display, []

    def new_context(self):
        self.contexts.append(context := Context(self))
        return context

    def close(self):
        for context in list(self.contexts): context.close()


class Context:
    "A session: a driver and a browser in one process group"
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
        self.driver.command_executor.client_config.timeout = ANSWER
        VERSIONS['webkit'] = self.driver.capabilities['browserVersion']
        self.spare = self.driver.current_window_handle  # closing the last tab would end the session

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
        try:
            with suppress(NoAnswer, WebDriverException, OSError, HTTPError):
                for page in self.pages: page.listen()
                self.driver.quit()
        finally: self.end()

    def end(self):
        if process := getattr(self.service, 'process', None): end_group(process)


class Message:
    "A line of a console"
    def __init__(self, type, text): self.type, self.text = type, text


class NoAnswer(Error):
    "The driver hangs, so nothing more can be asked of its browser"


@contextmanager
def errors():
    "Raise Selenium's errors as Playwright's"
    try: yield
    except WebDriverException as e: raise Error(e.msg or type(e).__name__) from e
    except HTTPError as e: raise NoAnswer(f'The driver does not answer: {e}') from e


def until(look, well, timeout, what):
    "Poll until the condition is true; return its value. A page that navigates cannot be asked meanwhile"
    deadline, seen = time.monotonic() + timeout, None
    while True:
        try:
            if well(seen := look()): return seen
        except Error as e: seen = e
        if time.monotonic() > deadline: raise Error(f'after {timeout:g} s: {what}; it is {seen!r}')
        time.sleep(OFTEN)


# The source is in the script itself, because a page's policy may forbid `eval`
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
        "Errors and warnings, read before the page is left; uncaught errors are among them"
        if event == 'console': self.listeners.append(listener)
        elif event != 'pageerror': raise ValueError(f'WebKit has no event {event!r}')

    def listen(self):
        "Return the page's messages, as long as it can be asked; raises `NoAnswer` if its driver hangs"
        try:
            for kind, text in self.evaluate('(window.noted ?? []).splice(0)') if self.listeners else []:
                for listener in self.listeners: listener(Message(kind, text))
        except NoAnswer: raise
        except Error: pass

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

    def text_content(self, css): return self.locator(css).text_content()

    def click(self, css): self.locator(css).click()

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


# Elements of the page, from the outermost step to the innermost: the kind of search, its value, its name
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
    "Elements, searched anew each time"
    def __init__(self, page, steps): self.page, self.steps = page, steps

    def then(self, *step): return Locator(self.page, [*self.steps, step])

    def locator(self, css): return self.then('css', css)

    def nth(self, n): return self.then('nth', n)

    @property
    def first(self): return self.nth(0)

    @property
    def last(self): return self.nth(-1)

    def see(self, source, arg=None):
        "Return a function's value for all current elements"
        with self.page.shown() as driver:
            return driver.execute_script(f'{FIND} return ({source})(all, arguments[1]);', self.steps, arg)

    def ask(self, source, arg=None):
        "Return a function's value for the first element, once there is one"
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
    "Playwright's `expect` for a locator: each method polls until it is true"
    def __init__(self, locator): self.locator = locator

    def _until(self, look, well, wanted):
        try: until(look, well, self.locator.page.context.timeout, f'{self.locator.steps} is not {wanted!r}')
        except Error as e: raise AssertionError(str(e)) from e

    def _first(self, source, well, wanted, arg=None):
        "Return a value of the first element, or None without one"
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
