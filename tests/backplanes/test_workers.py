"Several workers on one engine, for each kind of engine that processes can share"
import html
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx2
import pytest

from .machines import Worker, check_received, until


@pytest.fixture(scope='module', params=['sqlite', 'redis'])
def pair(request, tmp_path_factory):
    "Two workers on one engine, shared by the tests of this module that break neither"
    folder = tmp_path_factory.mktemp('pair')
    url = f'sqlite:///{folder}/events.db'
    if request.param == 'redis': url = f'{request.getfixturevalue("one_valkey").url}?name=pair'
    config = dict(manager=dict(max_events=30_000, max_event_bytes=100_000, report_interval=0.2))
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(lambda _: Worker(folder, backplane=url, **config), range(2)))
    until(lambda: all(one.is_open() for one in started), 'the workers to open their engine')
    yield started
    for one in started: one.kill()


def test_two_workers_publish_at_once_and_all_tabs_get_one_order(pair, tab):
    n = 10_000
    tabs = [tab(lambda w=w: [w]) for w in pair for _ in range(2)]
    for tag, w in zip('ab', pair, strict=True): w.ask('/begin', what='burst', tag=tag, n=n)
    until(lambda: all(w.ask('/done')[0] for w in pair), 'all to be sent', 120)
    check_received(tabs, [[tag, i] for tag in 'ab' for i in range(n)])
    assert all(one.ids() == tabs[0].ids() for one in tabs)
    for tag in 'ab': assert [i for by, i in tabs[0].data() if by == tag] == list(range(n)), "one publisher's own order"
    late = tab(lambda: [pair[0]], since=tabs[0].ids()[0])
    until(lambda: len(late.events) == 2 * n - 1, 'a tab that reconnects to get the rest')
    assert late.ids() == tabs[0].ids()[1:]


def test_worker_killed_under_load(shared_url, workers, tab, load):
    sender, doomed, other = workers(*[shared_url] * 3)
    alive = lambda: [w for w in (doomed, other) if w.running.alive]  # noqa: E731
    tabs = [tab(alive) for _ in range(4)]
    def meanwhile():
        until(lambda: len(tabs[0].events) > 100, 'the load to be under way')
        doomed.kill()
    outcomes = load(sender, 'a', 200, 2.5, meanwhile)
    assert len(outcomes['sent']) == 500
    check_received(tabs, outcomes['sent'])
    assert all(one.opened == 2 for one in tabs) and other.ask('/state')['here'] == 4


def test_a_worker_that_was_stopped_until_its_events_were_trimmed(shared_url, workers, tab):
    "Each tab gets one reset and then all later events, never a silent gap"
    sender, still = workers(*[shared_url] * 2, manager=dict(max_events=100))
    tabs = [tab(still) for _ in range(3)]
    sender.ask('/note', n='["a", 0]')
    until(lambda: all(one.data() for one in tabs), 'the first event')
    with still.stand_still():
        sender.ask('/begin', what='burst', tag='b', n=400)
        until(lambda: sender.ask('/done')[0], 'all to be sent')
    until(lambda: all(one.resets for one in tabs), 'the tabs to get a reset')
    sender.ask('/note', n='["c", 0]')
    until(lambda: all(one.data()[-1] == ['c', 0] for one in tabs), 'the last event')
    sent = [['a', 0], *(['b', i] for i in range(400)), ['c', 0]]
    for one in tabs:
        (reset,), received = one.resets, one.data()
        before, after = received[:reset['before']], received[reset['before']:]
        assert before == sent[:len(before)] and after == sent[-len(after):] and len(received) < 350, (before, after)
        assert one.opened == 1 and reset['reason'] == 'expired'


@pytest.mark.sample(1)
def test_all_workers_restarted_one_after_the_other(shared_url, worker, workers, tab, load):
    sender, *serving = workers(*[shared_url] * 3)
    tabs = [tab(lambda: [w for w in serving if w.running.alive]) for _ in range(4)]
    def meanwhile():
        for old in list(serving):
            serving.append(worker(shared_url))
            serving.remove(old)
            assert old.stop() is not None
    outcomes = load(sender, 'a', 100, 4, meanwhile)
    assert len(outcomes['sent']) == 400
    check_received(tabs, outcomes['sent'])
    assert all(one.opened >= 2 for one in tabs), [one.opened for one in tabs]


def test_a_wrong_clock_has_no_effect(shared_url, worker, tab):
    """Python's clocks are an hour off in two of three workers, with an age of a minute. Redis has its own clock. SQLite
    reads the kernel's, which all processes of a machine share. An adapter that used Python's `time` would trim new
    events of other workers, or store times that make others trim them. That would cause resets."""
    limits = dict(manager=dict(max_age=60))
    right, early, late = worker(shared_url, **limits), worker(shared_url, skew=-3600, **limits), None
    tabs = [tab(lambda w=w: [w]) for w in (right, early)]
    for i in range(30): (right, early)[i % 2].ask('/note', n=i)
    until(lambda: all(len(one.events) == 30 for one in tabs), 'all to arrive')
    late = worker(shared_url, skew=3600, **limits)
    first = tabs[0].ids()[0]
    tabs.append(tab(lambda: [late], since=first))
    for i in range(30, 60): (right, early, late)[i % 3].ask('/note', n=i)
    until(lambda: all(one.data()[-1:] == [59] for one in tabs), 'all to arrive')
    assert [one.data() for one in tabs] == [list(range(60)), list(range(60)), list(range(1, 60))]
    assert tabs[0].ids() == tabs[1].ids() and not any(one.resets for one in tabs)
    assert all(len(b) > len(a) or b > a for a, b in pairwise(tabs[0].ids())), 'ids grow'


TEXTS = ['["markup", "row"]', '[1, "p", 1, null, null, false, [], [["markup", "data", "text"]]]\n{}', '<b>bold</b>',
    '\x1b__html__', '{"__ft__": true}', 'a\u2028b', '&lt;', 'ünïcödé 😀']


def test_markup_and_dates_travel_and_text_stays_text(pair, tab):
    here, there = pair
    pages = [tab(lambda w=w: [w], html=True) for w in (here, there)]
    plain = tab(lambda: [there])
    for text in TEXTS: assert here.ask('/markup', text=text)[0] == 'sent'
    until(lambda: all(len(one.events) == len(TEXTS) for one in (*pages, plain)), 'all to arrive')
    assert pages[0].events == pages[1].events, 'sender and receiver render the same'
    for (_, shown), (_, data), text in zip(pages[1].events, plain.events, TEXTS, strict=True):
        assert '<li>a &lt; b<span>in</span></li>' in shown.replace('\n', '').replace('  ', ''), shown
        assert f'<span>{html.escape(text, quote=False)}</span>' in shown.replace('&#x27;', "'").replace('&quot;', '"')
        assert '<span>2026-05-01</span>' in shown
        assert data['data']['text'] == text and data['data']['at'] == '2026-05-01'
        assert data['data']['row'].startswith('<li>')


def test_an_event_over_the_limit_is_refused_and_nothing_is_sent(pair, tab):
    here, there = pair
    tabs = [tab(lambda w=w: [w]) for w in (here, there)]
    what, why = here.ask('/note', n=1, size=100_001)
    assert what == 'failed' and 'max_event_bytes' in why
    assert here.ask('/note', n=2, size=90_000)[0] == 'sent'
    until(lambda: all(one.events for one in tabs), 'the other to arrive')
    assert [one.data() for one in tabs] == [[2], [2]]


def test_retained_keys_and_topics_over_processes(shared_url, worker, workers, tab):
    here, there = workers(*[shared_url] * 2, manager=dict(max_events=10))
    for i in range(3): here.ask('/note', n=json.dumps(['job', i]), topic='job/1', key='k', retain=True)
    there.ask('/note', n='"gone"', topic='job/2', key='k', retain=True)
    here.ask('/note', n='"gone"', topic='job/2', key='k')
    for i in range(400): here.ask('/note', n=i)
    third = worker(shared_url, manager=dict(max_events=10))
    for w in (here, there, third):
        one = tab(lambda w=w: [w], topics=['job/*'])
        assert one.data() == [['job', 2]], 'a new tab gets the newest of each key, at each process'
    there.ask('/note', n='"later"', topic='job/2')
    until(lambda: one.data()[-1:] == ['later'], 'the next event')


def test_send_to_one_connection_and_exclude_one(pair, tab):
    here, there = pair
    mine, other = tab(lambda: [here], connection_id='mine'), tab(lambda: [there])
    assert there.ask('/send_to', id='mine') is True and there.ask('/send_to', id='nobody') is False
    for w in pair:
        assert w.ask('/note', n='"all but one"', exclude='mine')[0] == 'sent'
        assert w.ask('/note', n='"all"')[0] == 'sent'
    until(lambda: len(other.events) == 4 and len(mine.events) == 3, 'all to arrive')
    assert mine.data() == ['for you', 'all', 'all'] and other.data() == ['all but one', 'all'] * 2
    assert mine.ids()[0] is None, 'an event for one connection has no id'
    again = tab(lambda: [there], since=other.ids()[0], connection_id='mine-again')
    until(lambda: len(again.events) == 3, 'the replay')
    assert again.data() == ['all', 'all but one', 'all']


def test_an_event_has_the_echo_of_its_tab_in_every_process(pair):
    here, there = pair
    names = {'sse-tab': 'a-name-of-32-characters-or-so'}
    with httpx2.Client(headers=names, timeout=40) as client:
        for asked, read in ((here, there), (there, here)):
            with client.stream('GET', f'http://127.0.0.1:{read.port}/sse/broadcast') as response:
                lines = response.iter_lines()
                assert next(line for line in lines if line.startswith('id: '))
                note = client.get(f'http://127.0.0.1:{asked.port}/note', params=dict(n='"mine"', others='true'))
                assert note.json()[0] == 'sent'
                echo = response.headers['sse-echo']
                assert next(line for line in lines if line.startswith('echo: ')) == f'echo: {echo}'


def test_counts_over_processes(pair, tab):
    here, there = pair
    until(lambda: here.ask('/total') == there.ask('/total') == 0, 'the earlier tabs to be unregistered')
    for w in (here, here, there): tab(lambda w=w: [w])
    until(lambda: here.ask('/total') == 3 and there.ask('/total') == 3, 'both to count all')
    assert (here.ask('/state')['here'], there.ask('/state')['here']) == (2, 1)
