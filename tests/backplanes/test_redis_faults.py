"Faults of a real engine, and their effects: the test starts, kills and disconnects Valkey"
import re
import time

import pytest

from .machines import check_received, until

QUICK = '?timeout=1'  # seconds until a connection times out, instead of the default 4


def killed_and_started(engine, watched, down=0.5):
    engine.kill()
    until(lambda: all(w.ask('/state')['backplane'] == 'lost' for w in watched), 'the workers to notice the loss')
    time.sleep(down)  # the length of the outage
    engine.start()


def test_engine_killed_under_load(valkey, worker, tab, load):
    "One worker gets errors, the other buffers its events; 100 events a second each"
    engine = valkey(appendfsync='always')
    here, keeps = worker(engine.url), worker(engine.url, manager=dict(buffer=True))
    tabs = [tab(lambda w=w: [w]) for w in (here, keeps)]
    def meanwhile():
        until(lambda: len(tabs[0].events) > 100, 'the load to be under way')
        killed_and_started(engine, (here, keeps))
    keeps.ask('/begin', what='load', tag='b', rate=100, n=400)
    outcomes = load(here, 'a', 100, 4, meanwhile)
    until(lambda: keeps.ask('/done')[0], 'the other load to be over')
    kept = [n for n, outcome, _ in keeps.ask('/done')[1] if outcome == 'sent']
    assert len(kept) == 400 == sum(map(len, outcomes.values())) and outcomes['failed']
    check_received(tabs, outcomes['sent'] + kept, least=450)
    assert not {tuple(n) for n in outcomes['failed']} & {tuple(n) for one in tabs for n in one.data()}
    until(lambda: all(w.is_open() for w in (here, keeps)), 'the engine to be reconnected')
    for w in (here, keeps):
        assert len(re.findall('is lost, trying again', w.log)) == 1 == len(re.findall('is back', w.log)), w.log
        assert w.ask('/state')['buffered'] == 0


def test_engine_started_again_empty(valkey, workers, tab):
    engine = valkey(appendonly='no')
    here, there = workers(*[engine.url] * 2)
    tabs = [tab(lambda w=w: [w]) for w in (here, there, here)]
    for i in range(20): here.ask('/note', n=i)
    both_have = lambda i: all(one.data()[-1:] == [i] for one in tabs)  # noqa: E731
    until(lambda: both_have(19), 'the tabs to be up to date')
    engine.kill()
    engine.start()
    until(lambda: all(one.resets for one in tabs), 'the tabs to get a reset')
    until(lambda: here.ask('/state')['epoch'] == there.ask('/state')['epoch'], 'both to have one epoch')
    assert there.ask('/note', n=20)[0] == 'sent'
    until(lambda: both_have(20), 'the tabs to get later events')
    assert [len(one.resets) for one in tabs] == [1, 1, 1] and all(one.data() == list(range(21)) for one in tabs)


def test_engine_that_loses_its_events_while_it_runs(valkey, workers, tab):
    engine = valkey(appendonly='no')
    here, there = workers(*[engine.url] * 2)
    tabs = [tab(lambda w=w: [w]) for w in (here, there)]
    here.ask('/note', n=1)
    until(lambda: all(one.data() == [1] for one in tabs), 'the tabs to be up to date')
    with engine.client as client: client.flushall()
    until(lambda: all(one.resets for one in tabs), 'the tabs to get a reset')
    until(lambda: there.ask('/note', n=2)[0] == 'sent', 'the worker to publish again')
    until(lambda: all(one.data()[-1] == 2 for one in tabs), 'the tabs to get later events')
    assert [len(one.resets) for one in tabs] == [1, 1]


def test_engine_started_again_without_its_tail(valkey, workers, tab):
    "Another program publishes before a process that could miss the tail reconnects"
    engine = valkey(appendfsync='always')
    here, there = workers(*[engine.url] * 2)
    tabs = [tab(lambda w=w: [w]) for w in (here, there)]
    for i in range(20): here.ask('/note', n=i)
    until(lambda: all(len(one.events) == 20 for one in tabs), 'the tabs to be up to date')
    kept = engine.tail_file().stat().st_size
    for i in range(20, 25): here.ask('/note', n=i)
    until(lambda: all(len(one.events) == 25 for one in tabs), 'the tabs to be up to date')
    engine.kill()
    engine.forget_after(kept)
    engine.start()
    with engine.client as client: client.xadd('sse:{sse}:events', {'b': b'of somebody else'})
    until(lambda: all(one.resets for one in tabs), 'the tabs to get a reset')
    until(lambda: there.ask('/note', n=25)[0] == 'sent', 'the worker to publish again')
    until(lambda: all(one.data()[-1:] == [25] for one in tabs), 'the tabs to get later events')
    assert [len(one.resets) for one in tabs] == [1, 1]
    assert tabs[0].data() == [*range(25), 25]


def test_answer_to_a_publication_lost(valkey, proxy, workers, tab):
    engine = valkey()
    line = proxy(engine.port)
    here, there = workers(f'redis://127.0.0.1:{line.port}', engine.url)
    tabs = [tab(lambda w=w: [w]) for w in (here, there)]
    here.ask('/note', n=0)
    for i in range(1, 4):
        line.swallow = b'"n": %d}' % i  # of this publication; storing node info is a script as well
        assert here.ask('/note', n=i)[0] == 'sent'
        until(lambda i=i: line.swallowed == i, 'the answer to be lost')
    here.ask('/note', n=4)
    until(lambda: all(one.data()[-1:] == [4] for one in tabs), 'the tabs to be up to date')
    assert [one.data() for one in tabs] == [[0, 1, 2, 3, 4]] * 2 and tabs[0].ids() == tabs[1].ids()


@pytest.mark.parametrize('seconds', [2, pytest.param(10, marks=pytest.mark.long)])
def test_connection_silent_for_a_while(valkey, proxy, worker, tab, load, seconds):
    "Two loaded workers with silent connections, one with a small buffer, beside one with a good connection"
    engine = valkey(appendfsync='no')
    line = proxy(engine.port)
    url = f'redis://127.0.0.1:{line.port}{QUICK if seconds == 2 else ""}'
    here, keeps, there = worker(url), worker(url, manager=dict(buffer=True, buffer_limit=40)), worker(engine.url)
    tabs, waiting, n = [tab(lambda w=w: [w]) for w in (here, keeps, there)], [], int(50 * (2 * seconds + 1.5))
    def meanwhile():
        until(lambda: len(tabs[0].events) > 20, 'the load to be under way')
        line.hold()
        until(lambda: here.ask('/state')['backplane'] == 'lost', 'the cut to be noticed')
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            waiting.append([w.ask('/state')['buffered'] for w in (here, keeps)])
            time.sleep(0.1)
        line.release()
    for w, tag in ((there, 'b'), (keeps, 'c')): w.ask('/begin', what='load', tag=tag, rate=50, n=n)
    outcomes = load(here, 'a', 50, 2 * seconds + 1.5, meanwhile)
    until(lambda: all(w.ask('/done')[0] for w in (there, keeps)), 'the other loads to be over')
    others, kept = ({tuple(m): outcome for m, outcome, _ in w.ask('/done')[1]} for w in (there, keeps))
    assert list(others.values()) == ['sent'] * n, 'the worker with the good connection failed'
    sent = [m for m, outcome in kept.items() if outcome == 'sent'] + list(others) + outcomes['sent']
    failed = {tuple(m) for m in outcomes['failed']} | {m for m, outcome in kept.items() if outcome == 'failed'}
    check_received(tabs, sent, least=250)
    assert outcomes['failed'] and not failed & {tuple(m) for one in tabs for m in one.data()}
    fails, keeps_some = map(max, zip(*waiting, strict=True))
    assert fails < 50 * 8, 'events without an answer fail after publish_timeout'
    assert 20 < keeps_some <= 90 and 'failed' in kept.values(), keeps_some


def test_connection_cut_repeatedly(valkey, proxy, worker, tab, load):
    engine = valkey(appendfsync='no')
    line = proxy(engine.port)
    here = worker(f'redis://127.0.0.1:{line.port}', manager=dict(buffer=True))
    tabs = [tab(lambda: [here])]
    def meanwhile():
        for i in range(6):
            until(lambda i=i: len(tabs[0].events) > 40 * i, 'the load to go on')
            line.cut()
    outcomes = load(here, 'a', 100, 3, meanwhile)
    assert len(outcomes['sent']) == 300, {what: len(n) for what, n in outcomes.items()}
    check_received(tabs, outcomes['sent'])


def test_slow_connection_does_not_time_out(valkey, proxy, workers, tab, load):
    engine = valkey(appendfsync='no')
    line = proxy(engine.port)
    line.delay = 0.15  # each way
    here, there = workers(f'redis://127.0.0.1:{line.port}', engine.url)
    tabs = [tab(lambda w=w: [w]) for w in (here, there)]
    outcomes = load(here, 'a', 100, 2)
    assert len(outcomes['sent']) == 200
    check_received(tabs, outcomes['sent'])
    assert 'is lost' not in here.log and here.ask('/state')['buffered'] == 0


def test_events_that_the_engine_refuses(valkey, worker, tab):
    "An event over the limit, and any event without memory, fails; the others are published"
    engine = valkey(proto_max_bulk_len='1mb', maxmemory_policy='noeviction', appendonly='no')
    here = worker(engine.url)
    one = tab(lambda: [here])
    assert here.ask('/note', n=1)[0] == 'sent'
    what, why = here.ask('/note', n=2, size=2 * 2**20)
    assert what == 'failed' and re.search('takes events of up to|over its limit', why), why
    assert here.ask('/note', n=3, size=2**19)[0] == 'sent'
    with engine.client as client: client.config_set('maxmemory', 1)
    what, why = here.ask('/note', n=4)
    assert what == 'failed' and 'memory' in why.lower(), (what, why)
    with engine.client as client: client.config_set('maxmemory', 0)
    until(lambda: here.ask('/note', n=5)[0] == 'sent', 'it to recover')
    until(lambda: one.data()[-1:] == [5], 'the tab to get later events')
    assert one.data() == [1, 3, 5] and one.resets == [] and 'is lost' not in here.log
