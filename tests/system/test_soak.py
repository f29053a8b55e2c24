"""200 readers with bad connections, and a sender that records each event that it sends.

No event is lost or repeated, and a reset marks exactly each gap. A seed decides the sender's script and the readers'
behaviour, but not the machine's timing. `SOAK_SEED=<n>` repeats a seed."""

import asyncio, json, os, random, subprocess, sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from ports import free_port


from system.soak.check import Journal, Wrong, check
from system.soak.reader import Reader
from system.soak.server import TOPICS

SERVER = Path(__file__).parent / 'soak' / 'server.py'
NAMED = [f'soak-{i}' for i in range(0, 200, 4)]  # readers with an id of their own; the others cannot be excluded
WANTED = ((), ('a/*',), ('a/**',), ('b/*', 'c'), ('keyed/*',), ('keyed/1', 'd'), ('a/1/**', 'unheard/of'), ('*',))
PATIENCE = 180  # seconds for a step on a busy machine


def settings(port, around='plain', **manager):
    "Return the settings of the server"
    defaults = dict(max_queue_size=50, heartbeat_interval=0.5, send_timeout=2.0, queue_timeout=1.0)
    return dict(port=port, around=around, names=NAMED, manager={**defaults, **manager})


@contextmanager
def serving(settings):
    "Run a server in its own process"
    process = subprocess.Popen([sys.executable, str(SERVER), json.dumps(settings)])
    try:
        base = f'http://127.0.0.1:{settings["port"]}' + ('/inner' if settings['around'] == 'mounted' else '')
        transport = httpx2.HTTPTransport(retries=8)
        with httpx2.Client(base_url=base, timeout=PATIENCE, transport=transport) as client:
            client.get('/sse/status').raise_for_status()
        yield process, base
    finally:
        process.kill()
        process.wait()


def make_readers(seed, number, path='/sse/broadcast'):
    "Return readers of all kinds: of all topics, of patterns, of single topics, of none"
    rng = random.Random(seed)
    def wanted(i):
        if i % 100 == 1: return ('**',)
        return WANTED[i % 28] if i % 28 < len(WANTED) else tuple(rng.sample(TOPICS, rng.randint(1, 2)))
    return [Reader(f'soak-{i}', f'{seed}-{i}', wanted(i), i % 4 == 0, path) for i in range(number)]


async def publish(client, seed, number, seconds):
    "Run the script and return its journal"
    (await client.get('/publish', params=dict(seed=seed, number=number, seconds=seconds))).raise_for_status()
    return Journal((await client.get('/journal')).raise_for_status().json())


async def all_here(readers):
    "Return when each reader has an id for a reconnect"
    async with asyncio.timeout(PATIENCE): await asyncio.gather(*(reader.here.wait() for reader in readers))


async def calm_down(readers, tasks, journal):
    "Let all readers read to the end of `journal`, and wait for them"
    for reader in readers: reader.calm_down(f'{journal.epoch}-{journal.head}')
    async with asyncio.timeout(PATIENCE): await asyncio.gather(*tasks)


async def leave(client):
    "Wait until the server has removed all connections, and return its numbers"
    async with asyncio.timeout(PATIENCE):
        while True:
            status = (await client.get('/sse/status')).json()
            if not status['connections']: return status


async def soak(base, port, readers, seed, number, seconds):
    "Run readers and script together; return the journal and the server's numbers"
    async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE + 10 * seconds) as client:  # a busy machine is slow
        tasks = [asyncio.create_task(reader.run(port)) for reader in readers]
        try:
            await all_here(readers)
            journal = await publish(client, seed, number, seconds)
            await calm_down(readers, tasks, journal)
        finally:
            for task in tasks: task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return journal, await leave(client)


def checked(readers, seed, *journals):
    "Return the resets of all readers, counted by reason; if a check fails, print the seed"
    try: return Counter(reason for reader in readers for reason in check(reader, *journals))
    except Wrong as e: raise Wrong(f'{e}; SOAK_SEED={seed}') from None


def run(seed, readers, number, seconds, around='plain', **manager):
    "Run one soak; return its resets and the server's numbers"
    port = free_port()
    with serving(settings(port, around, **manager)) as (_, base):
        readers = make_readers(seed, readers, '/inner/sse/broadcast' if around == 'mounted' else '/sse/broadcast')
        journal, status = asyncio.run(soak(base, port, readers, seed, number, seconds))
    resets = checked(readers, seed, journal)
    assert len(journal.events) == number and journal.head == number
    assert sum(reader.cuts for reader in readers) >= len(readers) / 4, 'too few readers disconnected inside a frame'
    assert sum(reader.connects for reader in readers) >= 2 * len(readers)
    assert status['resets'] >= resets.total(), 'more resets were received than sent'
    return resets, status


def seeds(number):
    "Return the seeds of a run: always the same, unless one is given"
    return [int(os.environ['SOAK_SEED'])] if 'SOAK_SEED' in os.environ else [20_260 + i for i in range(number)]


ALL = dict(max_events=200_000, max_bytes=2**30)
SMALL = dict(max_events=1_000, max_queue_size=20)


SHORT, WHOLE = (100, 8_000, 4), (200, 20_000, 10)  # readers, events, and seconds of sending
SHORT_LOG = dict(SMALL, max_events=200)  # readers fall behind it in a short run, also on a busy machine


@pytest.mark.parametrize('size', [SHORT, pytest.param(WHOLE, marks=pytest.mark.long)], ids=['short', 'whole'])
def test_a_log_that_holds_all(size):
    "Each reader's log matches the sender's, without a reset"
    for seed in seeds(1):
        resets, status = run(seed, *size, **ALL)
        assert not resets and not status['resets'] and status['replays'] >= size[0]


@pytest.mark.parametrize('size, log', [(SHORT, SHORT_LOG), pytest.param(WHOLE, SMALL, marks=pytest.mark.long)],
                         ids=['short', 'whole'])
def test_a_small_log(size, log):
    "Each reader's log matches the sender's, with exactly one reset for each gap"
    for seed in seeds(1):
        resets, _ = run(seed, *size, **log)
        assert resets['expired'] and resets['overflow'] and set(resets) == {'expired', 'overflow'}


@pytest.mark.sample(1)
@pytest.mark.parametrize('around', ['middleware', 'mounted'])
def test_inside_other_things(around):
    "The same with a middleware around every body, and with the app mounted in another"
    for seed in seeds(1):
        with ThreadPoolExecutor(2) as pool:  # in parallel, because they mostly wait
            soaks = [pool.submit(run, seed, 40, 1_500, 2, around, **log) for log in (ALL, SMALL)]
            (none, _), (some, _) = (soak.result() for soak in soaks)
        assert not none
        assert some['expired'] + some['overflow'] == some.total()


SENT = [('c', None, ()), ('keyed/1', 'k', ()), ('c', None, ['soak-0']), ('keyed/1', 'k', ()), ('c', None, ())]


def bare(log):
    "Return a reader of `c` and `keyed/1` that received `log`, and the journal of the five events in `SENT`"
    reader = Reader('soak-0', 'none', ('c', 'keyed/1'), True)
    reader.log = [(kind, f'e-{position}', *rest) for kind, position, *rest in log]
    return reader, Journal(dict(head='e-5', events=[(f'e-{i}', i - 1, *how) for i, how in enumerate(SENT, 1)]))


FIRST, THIRD, FOURTH, FIFTH = (('event', i, i - 1) for i in (1, 3, 4, 5))
GOOD = dict(
    superseded=[('id', 0), FIRST, FOURTH, FIFTH],
    heartbeats=[('id', 2), ('id', 3), FOURTH, FIFTH, ('id', 5)],
    reset=[('id', 0), FIRST, ('reset', 4, 'expired'), FIFTH])
BAD = dict(
    missing=[('id', 0), FOURTH, FIFTH],
    twice=[('id', 0), FIRST, FIRST],
    reset_for_nothing=[('id', 1), ('reset', 1, 'expired')],
    order=[('id', 0), FOURTH, FIRST],
    excluded=[('id', 2), THIRD],
    older_of_a_key=[('id', 0), FIRST, ('event', 2, 1), FIFTH],
    hidden_by_an_id=[('id', 0), ('id', 5)],
    back=[('id', 4), ('id', 2)],
    too_short=[('id', 0), FIRST],
    not_that=[('id', 3), ('event', 4, 7)])


@pytest.mark.parametrize('log', GOOD.values(), ids=GOOD)
def test_the_check_passes(log):
    "Logs that the check accepts"
    assert len(check(*bare(log))) == sum(item[0] == 'reset' for item in log)


@pytest.mark.parametrize('log', BAD.values(), ids=BAD)
def test_the_check_can_fail(log):
    "Logs that the check rejects"
    with pytest.raises(Wrong): check(*bare(log))


@pytest.mark.long
@pytest.mark.parametrize('log', [ALL, SMALL], ids=['all', 'small'])
def test_long(log):
    "Ten seeds with five times the events"
    for seed in seeds(10):
        resets, _ = run(seed, 200, 100_000, 45, **log)
        assert bool(resets) == (log is SMALL)


async def two_lives(port, readers, seed, first, second):
    "Kill the first server in the middle, and start the second at its port"
    with serving(first) as (process, base):
        tasks = [asyncio.create_task(reader.run(port)) for reader in readers]
        async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE) as client:
            await all_here(readers)
            before = await publish(client, seed, 2_000, 2)
        process.kill()
        process.wait()
    with serving(second) as (_, base):
        async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE) as client:
            after = await publish(client, seed + 1, 2_000, 3)
            await calm_down(readers, tasks, after)
            await leave(client)
    return before, after


def test_killed_and_started_again():
    "Each reader reconnects with an id of a lost log, gets one reset, and continues"
    seed, port = seeds(1)[0], free_port()
    readers = make_readers(seed, 100)
    both = settings(port, **ALL)
    journals = asyncio.run(two_lives(port, readers, seed, both, both))
    assert journals[0].epoch != journals[1].epoch
    assert checked(readers, seed, *journals) == {'unknown': len(readers)}
