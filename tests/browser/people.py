"""Chromium, Firefox and WebKit without Playwright, each driven by its own protocol

Background tabs are hidden, the process of a tab can be killed and frozen, and the browser keeps its defaults (cache,
settings, breaks). All three have the same interface: `open(url)` returns a tab, which can `evaluate`, `close`,
`kill`, `freeze` and `thaw`. Linux only, because the process of a tab is found in /proc.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from urllib3.exceptions import HTTPError
from websockets.sync.client import connect

SECONDS = 30  # for a wait or an answer before a test fails; a generous limit, not a delay
# Five seconds of work, started by a message, because timers in a background tab may be late
SPIN = '''() => { const {port1, port2} = new MessageChannel();
    port1.onmessage = () => { port1.close(); const end = Date.now() + 5000; while (Date.now() < end); };
    port2.postMessage(0); }'''
ARRIVED = "location.href !== 'about:blank' && document.readyState !== 'loading'"
CALL = """(async () => { let it = (%s); if (typeof it === 'function') it = it();
                      return JSON.stringify(await it) ?? 'null' })()"""


LEFT = ('navigated', 'unload event')  # What Chromium and WebKit say if the page is left while it is asked


class BrowserError(Exception):
    "The browser refused a command or did not answer"


def until(there, what='', seconds=SECONDS):
    "Wait until `there()` returns a true value; return it"
    deadline = time.monotonic() + seconds
    while not (told := there()):
        if time.monotonic() > deadline: raise AssertionError(f'not within {seconds} s: {what or there}')
        time.sleep(.05)
    return told


# Processes


def processes():
    "Return the parent and the CPU ticks of every process"
    found = {}
    for stat in Path('/proc').glob('[0-9]*/stat'):
        with suppress(OSError):
            fields = stat.read_text().rpartition(')')[2].split()
            found[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    return found


def descendants(pid):
    "Return the processes below `pid`, with their ticks"
    all_, found, left = processes(), {}, [pid]
    while left:
        parent = left.pop()
        below = {each: ticks for each, (of, ticks) in all_.items() if of == parent}
        found |= below
        left += below
    return found


def end(process):
    "Return the members of its process group, and its processes outside it"
    below = descendants(process.pid)
    with suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)
    for each in below:
        with suppress(ProcessLookupError): os.kill(each, signal.SIGKILL)
    process.wait()


# For all engines


class Browser:
    "A browser with a new profile in its own process group, which ends with `close`"
    def __init__(self, **settings):
        self.ends, self.folder = ExitStack(), Path(tempfile.mkdtemp(prefix='sse-browser-'))
        self.ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = dict(os.environ, HOME=str(self.folder), XDG_CONFIG_HOME=str(self.folder/'config'))
        try: self.start(**settings)
        except BaseException:
            self.close()
            raise

    @classmethod
    def missing(cls):
        "Return what is not installed"
        absent = [program for program in cls.programs if not shutil.which(program)]
        return f'{", ".join(absent)} missing: apt-get install {cls.packages}' if absent else None

    def spawn(self, *command, **settings):
        "Start a program as the leader of a process group; its output goes to a file, which never blocks"
        with open(self.folder/'said', 'w') as said:
            return self.owns(subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                              start_new_session=True, **settings))

    def owns(self, process):
        "Start the browser's process, or a helper that ends with it"
        self.ends.callback(end, process)
        self.process = process
        return process

    def listens(self, words):
        "Return the address that the browser prints when it starts to listen"
        def said():
            if self.process.poll() is not None: raise BrowserError(f'{self.name} does not start')
            return next((line for line in (self.folder/'said').read_text().splitlines(True)
                         if words in line and line.endswith('\n')), None)
        return until(said, f'{self.name} starts').split(words)[1].strip()

    def open_all(self, *urls):
        "Open a tab for each URL; the last one is in front"
        return [self.open(url) for url in urls]

    def ask_at(self, address):
        "Return the requests from now on"
        self.socket = Socket(self.ends.enter_context(connect(address, max_size=None, close_timeout=1)))

    def close(self): self.ends.close()

    def __enter__(self): return self

    def __exit__(self, *_): self.close()


class Tab:
    "A tab of a browser; `evaluate(js)` returns the value of an expression or a function in the page"
    def __init__(self, browser, id): self.browser, self.id = browser, id

    def wait(self, source, seconds=SECONDS):
        "Wait until the page returns a true value; return it"
        def there():
            try: return self.evaluate(source)
            except BrowserError as e:
                if not any(each in str(e) for each in LEFT): raise
        return until(there, source, seconds)

    def process(self):
        "Return the process of the page: the one that works while the page does"
        root = self.browser.process.pid
        before = descendants(root)
        self.evaluate(SPIN)
        def worked():
            now = sorted((ticks - before.get(pid, 0), pid) for pid, ticks in descendants(root).items())
            return len(now) > 1 and now[-1][0] > 25 and now[-1][0] > 2 * now[-2][0] and now[-1][1]
        return until(worked, 'one process works')

    def kill(self):
        "Kill the page's process, as an out-of-memory killer does; WebKit's driver ends with it"
        os.kill(self.process(), signal.SIGKILL)

    def freeze(self):
        "Stop the page's process, so that it answers no message"
        self.stopped = self.process()
        os.kill(self.stopped, signal.SIGSTOP)

    def thaw(self): os.kill(self.stopped, signal.SIGCONT)


class Socket:
    "Commands and answers over a socket; other messages are ignored"
    def __init__(self, connection): self.connection, self.number = connection, 0

    def ask(self, method, params=None, **fields):
        self.number += 1
        self.connection.send(json.dumps(dict(id=self.number, method=method, params=params or {}, **fields)))
        deadline = time.monotonic() + SECONDS
        while True:
            try: told = json.loads(self.connection.recv(max(deadline - time.monotonic(), .001)))
            except TimeoutError: raise BrowserError(f'{method}: no answer in {SECONDS} s') from None
            if told.get('id') != self.number: continue
            if 'error' in told: raise BrowserError(f'{method}: {told["error"]} {told.get("message", "")}')
            return told['result']


# Chromium


class Chromium(Browser):
    "Chromium, driven by the protocol of its developer tools"
    name, packages, programs = 'chromium', 'chromium', [os.environ.get('CHROMIUM', '/usr/bin/chromium')]
    ARGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
            '--disable-background-networking', '--disable-component-update', '--remote-debugging-port=0']
    COOKIES_BLOCKED = dict(profile=dict(default_content_setting_values=dict(cookies=2)))

    def start(self, preferences=None, private=False):
        default = self.folder/'profile'/'Default'
        default.mkdir(parents=True)
        if preferences: (default/'Preferences').write_text(json.dumps(preferences))
        command = [*self.programs, *self.ARGS, f'--user-data-dir={self.folder}/profile']
        if private: command.append('--incognito')
        self.spawn(*command, 'about:blank')
        self.ask_at(self.listens('DevTools listening on '))
        self.version = self.socket.ask('Browser.getVersion')['product'].partition('/')[2]

    def open(self, url):
        tab = ChromiumTab(self, self.socket.ask('Target.createTarget', dict(url=url))['targetId'])
        tab.wait(ARRIVED)
        return tab


class ChromiumTab(Tab):
    def __init__(self, browser, id):
        super().__init__(browser, id)
        attach = dict(targetId=id, flatten=True)
        self.session = browser.socket.ask('Target.attachToTarget', attach)['sessionId']

    def ask(self, method, **params): return self.browser.socket.ask(method, params, sessionId=self.session)

    def evaluate(self, source):
        told = self.ask('Runtime.evaluate', expression=CALL % source, awaitPromise=True, userGesture=True)
        if 'exceptionDetails' in told: raise BrowserError(str(told['exceptionDetails'])[:300])
        return json.loads(told['result']['value'])

    def front(self): self.browser.socket.ask('Target.activateTarget', dict(targetId=self.id))

    def close(self): self.browser.socket.ask('Target.closeTarget', dict(targetId=self.id))

    def freeze(self):
        "Freeze the page as Chromium does with hidden tabs"
        self.ask('Page.setWebLifecycleState', state='frozen')

    def thaw(self): self.ask('Page.setWebLifecycleState', state='active')


# Firefox


class Firefox(Browser):
    "Firefox, driven by WebDriver BiDi"
    name, packages, programs = 'firefox', 'firefox-esr', [os.environ.get('FIREFOX', '/usr/bin/firefox-esr')]
    COOKIES_BLOCKED = {'network.cookie.cookieBehavior': 2}
    PREFERENCES = {'app.update.disabledForTesting': True, 'browser.download.alwaysOpenPanel': False,
                   'browser.download.folderList': 2, 'browser.shell.checkDefaultBrowser': False,
                   'browser.startup.page': 0, 'remote.active-protocols': 1,
                   'dom.ipc.processCount.webIsolated': 20}  # a process for each tab; the default is four for a site

    def start(self, preferences=None, private=False):
        profile = self.folder/'profile'
        profile.mkdir()
        values = self.PREFERENCES | {'browser.download.dir': str(self.folder)} | (preferences or {})
        if private: values['browser.privatebrowsing.autostart'] = True
        lines = [f'user_pref({json.dumps(name)}, {json.dumps(value)});' for name, value in values.items()]
        (profile/'user.js').write_text('\n'.join(lines))
        options = ['--headless', '--no-remote', '--profile', str(profile), '--remote-debugging-port', '0']
        self.spawn(*self.programs, *options, 'about:blank')
        self.ask_at(self.listens('WebDriver BiDi listening on ') + '/session')
        told = self.socket.ask('session.new', dict(capabilities={}))
        self.version = told['capabilities']['browserVersion']

    def open(self, url):
        tab = FirefoxTab(self, self.socket.ask('browsingContext.create', dict(type='tab'))['context'])
        tab.ask('browsingContext.navigate', url=url, wait='interactive')
        return tab


class FirefoxTab(Tab):
    def ask(self, method, **params): return self.browser.socket.ask(method, dict(context=self.id, **params))

    def evaluate(self, source):
        params = dict(expression=CALL % source, target=dict(context=self.id), awaitPromise=True, userActivation=True)
        told = self.browser.socket.ask('script.evaluate', params)
        if told['type'] == 'exception': raise BrowserError(told['exceptionDetails']['text'])
        return json.loads(told['result']['value'])

    def front(self): self.ask('browsingContext.activate')

    def close(self): self.ask('browsingContext.close')


# WebKit


class WebKit(Browser):
    "MiniBrowser of WebKitGTK, driven by WebDriver on its own display; its first tab stays in front of the others"
    name, packages, programs = 'webkit', 'webkitgtk-webdriver xvfb', ['WebKitWebDriver', 'Xvfb']

    def start(self, private=False):
        self.env |= dict(DISPLAY=self.display(), WEBKIT_DISABLE_COMPOSITING_MODE='1', LIBGL_ALWAYS_SOFTWARE='1')
        options = Options()
        options.binary_location = str(next(Path('/usr').glob('lib*/**/webkit2gtk-4.1/MiniBrowser')))
        options.add_argument('--automation')
        if private: options.add_argument('--private')
        options.page_load_strategy = 'none'  # the driver does not answer while a page loads
        service = Service(shutil.which(self.programs[0]), env=self.env, popen_kw=dict(start_new_session=True))
        try: self.driver = webdriver.WebKitGTK(options=options, service=service)
        finally:
            if service.process: self.owns(service.process)
        self.driver.set_script_timeout(SECONDS)
        self.driver.command_executor.client_config.timeout = 3 * SECONDS  # It does not answer if its browser hangs
        self.version = self.driver.capabilities['browserVersion']
        self.unused = self.driver.current_window_handle

    def display(self):
        "A virtual display"
        read, write = os.pipe()
        with open(read) as said:
            with open(write, 'w'):
                self.spawn('Xvfb', '-displayfd', str(write), '-screen', '0', '1280x800x24', '-nolisten', 'tcp',
                           pass_fds=[write])
            return f':{said.readline().strip()}'

    def open(self, url):
        if not self.unused:
            self.driver.switch_to.window(self.driver.window_handles[0])
            self.driver.switch_to.new_window('tab')
        tab, self.unused = WebKitTab(self, self.unused or self.driver.current_window_handle), None
        return tab.go(url)

    def open_all(self, *urls):
        front, self.unused = self.unused, None
        tabs = [self.open(url) for url in urls[:-1]]
        self.unused = front
        return [*tabs, self.open(urls[-1])]


class WebKitTab(Tab):
    def go(self, url):
        self.browser.driver.switch_to.window(self.id)
        self.browser.driver.get(url)
        self.wait(ARRIVED)
        return self

    def evaluate(self, source):
        self.browser.driver.switch_to.window(self.id)
        call = f'{CALL % source}.then(it => arguments[0]([it]), error => arguments[0]([null, String(error)]))'
        try: value, *error = self.browser.driver.execute_async_script(call)
        except (WebDriverException, HTTPError) as e: raise BrowserError(str(e)) from e
        if error: raise BrowserError(error[0])
        return json.loads(value)

    def close(self):
        self.browser.driver.switch_to.window(self.id)
        self.browser.driver.close()


ENGINES = {each.name: each for each in (Chromium, Firefox, WebKit)}
