"""Two drivers with the same verbs: the test kit and Chromium

The kit goes first and notes what all tabs show after each verb. Then Chromium does the same verbs. After each one it
must show the same before a deadline, when it has no request under way. Nothing waits for a fixed time.
"""
import re
import socket
import threading
from time import monotonic
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import uvicorn
from ports import free_port
from playwright.sync_api import Error

from cjm_fasthtml_sse.testing import live
from cjm_fasthtml_sse.testing.browser import session_cookie
from cjm_fasthtml_sse.testing.checks import difference, lines_of
from cjm_fasthtml_sse.testing.pages import read_page

DEADLINE = 15  # seconds in which Chromium must show what the kit shows
SETTLED = 4  # virtual seconds after each verb, in which delays between attempts and of indicators pass
PASSING = re.compile(r'"(last_event_id|timestamp)": ?"[^"]*"')
VERBS = 'click follow fill submit goto reload back lose_line regain_line freeze thaw close'.split()

# Counts the requests under way, other than streams, and notes each event as the page gets it. On htmx 2, the extension
# reads events that are dispatched at a source. htmx 4 has an event of its own for each.
RECORDER = '''() => {
  const dispatch = EventTarget.prototype.dispatchEvent;
  EventTarget.prototype.dispatchEvent = function(event) {
    if (event instanceof MessageEvent && "withCredentials" in this)
      noteEvent([event.type, event.data, null]);
    return dispatch.call(this, event);
  };
  window.pending = 0;
  const {fetch} = window, {send} = XMLHttpRequest.prototype;
  window.fetch = (url, options) => {
    const isStream = new Headers(options?.headers).get("accept") === "text/event-stream";
    const answer = fetch(url, options);
    if (isStream) return answer;
    pending++;
    answer.catch(() => {}).finally(() => setTimeout(() => pending--));
    return answer;
  };
  XMLHttpRequest.prototype.send = function(...args) {
    pending++;
    this.addEventListener("loadend", () => setTimeout(() => pending--));
    return send.apply(this, args);
  };
  const names = ["htmx:sse:before:message", "htmx-sse-before-message"];
  for (const name of names) document.addEventListener(name, ({detail}) => {
    const {event, data, id} = detail.message;
    noteEvent([event ?? "", data, id ?? null]);
  }, true);
}'''
LOOK = '''() => document.documentElement && [
  [...document.querySelectorAll("[data-sse-state]")].map(each =>
    [each.id || each.tagName, each.dataset.sseState, each.dataset.sseDenied ?? ""]),
  document.title, document.documentElement.outerHTML, pending]'''


def states_of(document):
    return [[each.get('id') or each.name.upper(), each['data-sse-state'], each.get('data-sse-denied', '')]
        for each in document.select('[data-sse-state]')]


def plain(kind, data, id, major):
    "An event without what differs between any two runs: times, and the name of the log in ids"
    if major == 2: kind, id = kind or 'message', ''  # an `EventSource` names them so
    return kind, PASSING.sub(r'"\1"', data), (id or '').rpartition('-')[2]


def without_times(lines): return [PASSING.sub(r'"\1"', line) for line in lines]


def numbers(app):
    found = app.state.manager.statistics()
    return dict(streams=found.streams, tabs=found.tabs)


def told_lines(seen):
    "What all tabs show, line by line"
    lines = []
    for i, tab in enumerate(seen['tabs']):
        for name, value in tab.items(): lines += [f'tab {i}: {name}', *(f'  {each}'
            for each in (value if isinstance(value, list) else [value]))]
    return [*lines, f'server: {seen["server"]}']


class Tab:
    "A tab of either driver; each verb is followed by a comparison"
    def __init__(self, driver, tab): self.driver, self.tab, self.is_frozen = driver, tab, False

    def __getattr__(self, name):
        if name not in VERBS: raise AttributeError(name)
        def verb(*args, **kwargs):
            self.driver.do(self.tab, name, *args, **kwargs)
            if name == 'close': self.driver.tabs.remove(self)
            if name in ('freeze', 'thaw'): self.is_frozen = name == 'freeze'  # it is not looked at
            self.driver.after(f'{name} {", ".join(map(str, args))}')
        return verb


class Driver:
    def do(self, tab, name, *args, **kwargs): getattr(tab, name)(*args, **kwargs)

    def say(self, text, **about): self.post('/say', text=text, **about)

    def opened(self, tab, path):
        self.tabs.append(tab := Tab(self, tab))
        self.after(f'tab {path}')
        return tab

    def tab(self, path, user=None, **settings): return self.browser(user).tab(path, **settings)


class Kit(Driver):
    "The test kit"
    def __init__(self, case, major):
        self.case, self.major, self.tabs, self.seen = case, major, [], []

    def run(self):
        with live(lambda: self.case.build(self.major).app) as self.world:
            self.other = self.world.tab('/npm/none')
            self.case.script(self)
        return self.seen

    def do(self, tab, name, *args, **kwargs): super().do(tab, 'click' if name == 'follow' else name, *args, **kwargs)

    def browser(self, user=None): return KitBrowser(self, self.world.browser(user=user))

    def post(self, path, **fields):
        self.other.request('POST', path, **fields)
        self.after(f'post {path} {fields}')

    def restart(self):
        self.world.server.restart()
        self.after('restart')

    def stop(self):
        self.world.server.stop()
        self.after('stop')

    def start(self):
        self.world.server.start()
        self.after('start')

    def after(self, verb):
        self.world.clock.advance(SETTLED)
        shown = [self.look(each.tab) for each in self.tabs if not each.is_frozen]
        self.seen.append((verb, dict(tabs=shown, server=numbers(self.world.app) if self.world.server.workers
            else None)))

    def look(self, tab):
        events, ids = [], {}
        for each in tab.events:
            if ' data-sse-live=' in each.element: continue  # in a browser, no source of events has it
            ids[each.element] = each.id or ids.get(each.element)  # one without an id has the last one, as in a browser
            events.append(plain(each.type, each.data, ids[each.element], self.major))
        title = tab.dom.title.string if tab.dom.title else None
        return dict(lines=without_times(lines_of(tab.dom, None)), states=states_of(tab.dom), url=tab.url, title=title,
            events=events)


class KitBrowser:
    def __init__(self, driver, browser): self.driver, self.real = driver, browser

    def tab(self, path, **settings): return self.driver.opened(self.real.tab(path, **settings), path)


class Server:
    "Serves a case in a thread, on one port; it can be stopped and started"
    def __init__(self, make): self.make, self.port, self.thread = make, free_port(), None

    @property
    def url(self): return f'http://127.0.0.1:{self.port}'

    def start(self):
        self.app, ready = self.make(), threading.Event()
        self.server = uvicorn.Server(uvicorn.Config(self.app, host='127.0.0.1', port=self.port, log_level='critical',
            timeout_graceful_shutdown=1))
        startup = self.server.startup
        async def started(**kwargs):
            await startup(**kwargs)
            ready.set()
        self.server.startup = started
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        assert ready.wait(10), f'no server on port {self.port}'

    def stop(self):
        if self.thread is None: return
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.thread = None


class Line:
    "A line between a browser and the server, which can be cut: an offline Chromium keeps the connections that it has"
    def __init__(self, port):
        self.target, self.sockets, self.is_cut, self.lock = port, [], False, threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://localhost:{self.listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try: near, _ = self.listener.accept()
            except OSError: return
            try: far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            with self.lock: self.sockets += [near, far]
            if self.is_cut: self._end()
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(one, other),
                daemon=True).start()

    def _copy(self, one, other):
        try:
            while data := one.recv(65536): other.sendall(data)
        except OSError: pass
        for each in (one, other):
            try: each.shutdown(socket.SHUT_RDWR)
            except OSError: pass

    def _end(self):
        with self.lock: ended, self.sockets = self.sockets, []
        for each in ended:
            try: each.shutdown(socket.SHUT_RDWR)
            except OSError: pass

    def cut(self):
        self.is_cut = True
        self._end()

    def mend(self): self.is_cut = False

    def close(self):
        self.cut()
        self.listener.close()


class Chromium(Driver):
    "Chromium, the real scripts and a real server"
    def __init__(self, case, major, chromium, expected):
        self.case, self.major, self.chromium, self.expected = case, major, chromium, iter(expected)
        self.tabs, self.contexts, self.lines = [], [], []

    def run(self):
        self.server = Server(lambda: self.case.build(self.major).app)
        self.server.start()
        try: self.case.script(self)
        finally:
            for each in [*self.contexts, *self.lines]: each.close()
            self.server.stop()
        assert not [*self.expected]

    def browser(self, user=None):
        context = self.chromium.new_context()
        context.set_default_timeout(DEADLINE*1000)
        if user:
            name, value = session_cookie(self.server.app, dict(auth=user))
            context.add_cookies([dict(name=name, value=value, url='http://localhost')])
        self.contexts.append(context)
        self.lines.append(line := Line(self.server.port))
        return ChromiumBrowser(self, context, line)

    def post(self, path, **fields):
        fields = {name: value for name, value in fields.items() if value is not None}
        urlopen(Request(self.server.url + path, urlencode(fields).encode()), timeout=10).read()
        self.after(f'post {path} {fields}')

    def restart(self):
        self.server.stop()
        self.server.start()
        self.after('restart')

    def stop(self):
        self.server.stop()
        self.after('stop')

    def start(self):
        self.server.start()
        self.after('start')

    def after(self, verb):
        told, wanted = next(self.expected)
        assert told == verb
        until, times = monotonic() + DEADLINE, 0
        while times < 2 and monotonic() < until:  # the first time, the verb may not have begun to act
            found = self.look()
            times = times + 1 if found == wanted and not any(each.tab.pending for each in self.tabs) else 0
            self.pause()
        if found == wanted: return
        shown = difference(told_lines(wanted), told_lines(found), ('kit', 'Chromium'))
        raise AssertionError(f'After {verb!r} they differ:\n{shown}')

    def pause(self):
        "Let events come in; a frozen page has no frames"
        for each in self.tabs:
            if not each.is_frozen: return each.tab.page.wait_for_timeout(30)

    def look(self):
        return dict(tabs=[each.tab.look() for each in self.tabs if not each.is_frozen],
            server=numbers(self.server.app) if self.server.thread else None)


class ChromiumBrowser:
    def __init__(self, driver, context, line): self.driver, self.context, self.line = driver, context, line

    def tab(self, path, names=()):
        return self.driver.opened(ChromiumTab(self.driver, self.context, self.line, path), path)


class ChromiumTab:
    "The verbs, by Playwright"
    def __init__(self, driver, context, line, path):
        self.driver, self.context, self.line, self.events, self.pending = driver, context, line, [], 0
        self.page = context.new_page()
        self.page.expose_function('noteEvent', lambda event: self.events.append(plain(*event, driver.major)))
        self.page.add_init_script(f'({RECORDER})()')
        self.goto(path)

    def goto(self, path): self.page.goto(self.line.url + path, wait_until='domcontentloaded')

    def click(self, css): self.page.locator(css).click()

    def follow(self, css):
        "Click what leads to another page"
        with self.page.expect_navigation(wait_until='domcontentloaded'): self.click(css)

    def fill(self, css, value):
        self.page.locator(css).fill(value)
        self.page.locator(css).dispatch_event('change')

    def submit(self, css, **fields):
        for name, value in fields.items(): self.page.locator(f'{css} [name="{name}"]').fill(value)
        self.page.locator(f'{css} button').click()

    def reload(self): self.page.reload(wait_until='domcontentloaded')

    def back(self): self.page.go_back(wait_until='commit')

    def lose_line(self):
        self.context.set_offline(True)
        self.line.cut()

    def regain_line(self):
        self.line.mend()
        self.context.set_offline(False)

    # A page that a driver emulates focus for cannot be frozen by the browser, so it gets the events alone
    def freeze(self): self.page.evaluate('document.dispatchEvent(new Event("freeze"))')

    def thaw(self): self.page.evaluate('document.dispatchEvent(new Event("resume"))')

    def close(self): self.page.close(run_before_unload=False)

    def look(self):
        found = None
        while found is None:
            try: found = self.page.evaluate(LOOK)
            except Error as error:
                if 'context was destroyed' not in str(error): raise  # another page is being loaded
        states, title, content, self.pending = found
        url = urlsplit(self.page.url)
        where = url.path + (f'?{url.query}' if url.query else '')
        return dict(lines=without_times(lines_of(read_page(content), None)), states=states, url=where, title=title,
            events=list(self.events))
