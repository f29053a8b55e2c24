"""The app of `live.py` with rooms: permissions change while pages are open, and every number is stored

Each tab stores its resets and states in `window.resets` and `window.states`.
"""
import asyncio
import time

from playwright.sync_api import Error

from cjm_fasthtml_sse.events.topics import matches
from .live import HEARD, STATE, Live

PATIENCE = 60  # seconds before a wait fails; a generous limit, not a delay
WATCH = """window.resets = []; window.states = [];
addEventListener('sse:reset', ({detail}) => resets.push(detail.reason));
addEventListener('sse:state', ({detail}) => states.push(detail.state));"""


def until(tab, there, seconds=PATIENCE):
    "Wait for `there()` while Playwright continues; fail with its last value"
    end = time.monotonic() + seconds
    while not (said := there()):
        assert time.monotonic() < end, said
        tab.wait_for_timeout(50)
    return said


def heard(tab): return tab.evaluate(HEARD)


def state(tab): return tab.evaluate(STATE)


def expect_state(tab, *states):
    try: tab.wait_for_function(f'wanted => wanted.includes(({STATE})())', arg=[*states], timeout=PATIENCE*1000)
    except Error: assert (found := state(tab)) in states, found


class Rooms(Live):
    "`may` has the topics for all users or, in `people`, for one; `said` has the broadcasts with their topics"
    def __init__(self, head, tabs, **settings):
        self.may, self.people, self.said, self.tabs = {'a', 'b'}, {}, [], tabs
        super().__init__(head, **dict(retry_range=(0, 50), authorize=self.allow) | settings)

    def allow(self, auth, topics): return [topic for topic in topics if topic in self.people.get(auth, self.may)]

    async def say(self, topic: str = None):
        self.said.append((self.sent + 1, topic))
        return await super().say(topic)

    def do(self, coroutine): return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def cut(self):
        "End all streams; they reconnect"
        return self.do(self.manager.disconnect({}, reconnect=True))

    def tab(self, *topics, path='/?', tabs=None):
        "Open a tab with `topics`"
        tab = (tabs or self.tabs)()
        tab.add_init_script(WATCH)
        tab.topics = topics
        tab.goto(self.url + path + '&'.join(f'topic={topic}' for topic in topics), wait_until='domcontentloaded')
        return tab

    def expect_streams(self, tab, streams, tabs):
        def there(): return (numbers := self.manager.statistics()).streams == streams and numbers.tabs == tabs
        until(tab, there)

    def expect_hears(self, tab, topic):
        "Broadcast, and check that the tab receives it"
        self.send(topic=topic)
        until(tab, lambda: self.sent in heard(tab))

    def meant_for(self, tab):
        "Check that the tab has all permitted numbers since its page was made, in order"
        since = int(tab.get_attribute('#sse', 'data-from'))
        return [n for n, topic in self.said if n > since and (topic is None or matches(frozenset(tab.topics), topic))]

    def expect_all(self, tab):
        "Check that the tab has each of them once, in order"
        until(tab, lambda: heard(tab)[-1:] == self.meant_for(tab)[-1:])
        assert heard(tab) == self.meant_for(tab)
