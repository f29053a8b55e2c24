"The SQLite adapter with many processes, killed processes, full disks and damaged files"
import asyncio
import contextlib
import itertools
import os
import random
import sqlite3
import threading
import time

import pytest
from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.backplanes.sqlite_notify import FileNotifier
from cjm_fasthtml_sse.backplanes.base import Publication, Gap, Limits
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.backplanes.conformance import check_backplane
from cjm_fasthtml_sse.events.wire import BackplaneError
from hypothesis import given, settings
from hypothesis import strategies as st

from .machines import until
from .sqlite_tools import Connections, Disk, Other, backup, files, locked, put_back

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='these tests are for POSIX systems')


@contextlib.asynccontextmanager
async def opened(path, limits=None, **options):
    "Open an adapter for the file"
    engine = SqliteBackplane(path, **options)
    await engine.open(limits or Limits())
    try: yield engine
    finally: await engine.close()


async def everything(engine, after=0):
    found = []
    while new := await engine.read({'events': found[-1].position if found else after}): found += new
    return [(entry.position, entry.body.decode()) for entry in found]


@pytest.fixture
def path(tmp_path): return tmp_path/'events.db'


@pytest.fixture
def other(path):
    "Start processes on the file"
    started = []
    def start(*what):
        started.append(Other(path, *what))
        return started[-1]
    yield start
    for one in started: one.end()


@pytest.fixture
def disk(tmp_path):
    "A disk of two megabytes"
    if os.geteuid() != 0: pytest.skip('only root can mount a disk that may be filled')
    disk = Disk(tmp_path/'disk', '2m')
    yield disk
    disk.close()


def test_a_file_that_may_not_grow_is_an_error_to_the_caller_readers_continue_and_it_recovers(path, monkeypatch):
    "SQLite's limit of pages has the effect of a full disk, and needs no right to mount one"
    connections = Connections(monkeypatch.setattr)
    async def run():
        async with opened(path) as engine, opened(path) as reader:
            kept = [(await engine.publish([Publication(b'%d' % i)]))[0] for i in range(10)]
            connections.limit_pages(20)
            with pytest.raises(BackplaneError, match='its disk is full') as raised:
                for i in range(10, 1000): kept += await engine.publish([Publication(b'%d' % i + bytes(3000))])
            assert not raised.value.doubtful and len(kept) < 1000
            with pytest.raises(BackplaneError, match='its disk is full'):
                await engine.publish([Publication(bytes(3000)), Publication(bytes(9000), key='k', retain=True)])
            assert [place for place, _ in await everything(reader)] == kept
            connections.limit_pages(10**9)
            kept += await engine.publish([Publication(b'again'), Publication(b'kept', key='k', retain=True)])
            assert [place for place, _ in await everything(reader)] == kept
    asyncio.run(run())


def unwatched(path): return FileNotifier(path, watch=lambda path: None)


def test_the_contract_holds_without_a_watch_on_the_file(tmp_path):
    assert unwatched('nowhere').poll_intervals == (0.002, 0.05)
    asyncio.run(check_backplane(lambda store: SqliteBackplane(tmp_path/store, make_notifier=unwatched)))


class InlineWorker:
    "Runs each job immediately, on the loop"
    def __init__(self, name): pass

    def submit(self, job, *args):
        future = asyncio.get_running_loop().create_future()
        try: future.set_result(job(*args))
        except BackplaneError as e: future.set_exception(e)
        return future

    def stop(self): pass

    def join(self): pass


def test_an_adapter_without_a_thread_publishes_and_reads(path):
    before = threading.active_count()
    async def run():
        async with opened(path, make_worker=InlineWorker, make_notifier=unwatched) as engine:
            reading = asyncio.ensure_future(engine.read({'events': 0}, wait=30))
            places = await engine.publish([Publication(b'one'), Publication(b'two', key='k', retain=True)])
            assert [entry.position for entry in await reading] == places and threading.active_count() == before
            with pytest.raises(BackplaneError): await engine.publish([Publication(bytes(engine.max_bytes + 1))])
    asyncio.run(run())


def test_the_log_lives_in_an_application_s_own_database(path):
    "The adapter and the application do not change each other's tables, `application_id` or `user_version`"
    with contextlib.closing(sqlite3.connect(path)) as app:
        app.executescript("CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); "
            "INSERT INTO users(name) VALUES ('ann'); PRAGMA application_id = 7; PRAGMA user_version = 42")
    async def run():
        async with opened(path) as engine, opened(path) as reader:
            place, = await engine.publish([Publication(b'one', key='k', retain=True)])
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as app:
                app.execute("INSERT INTO users(name) VALUES ('bob')")
            assert await engine.publish([Publication(b'two')]) == [place + 1]
            assert [body for _, body in await everything(reader)] == ['one', 'two']
        async with opened(path) as engine: assert (await engine.open(Limits())).last == place + 1
    asyncio.run(run())
    with contextlib.closing(sqlite3.connect(path)) as app:
        assert app.execute('SELECT id, name FROM users').fetchall() == [(1, 'ann'), (2, 'bob')]
        own = [app.execute(f'PRAGMA {name}').fetchone()[0] for name in ('application_id', 'user_version')]
        tables = {name for name, in app.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert own == [7, 42]
    ours = {'sse_events', 'sse_control', 'sse_retained', 'sse_nodes', 'sse_meta'}
    assert tables == {'users', 'sqlite_sequence', *ours}


@pytest.mark.parametrize('script, why', [
    ('CREATE TABLE sse_events(name)', 'sse_events belong to another program'),
    ('CREATE VIEW sse_nodes AS SELECT 1 AS node', 'sse_nodes belong to another program'),
    ('CREATE TABLE sse_meta(key, value)', 'sse_meta belong to another program')])
def test_a_file_whose_tables_of_these_names_are_another_program_s_is_refused_and_unchanged(path, script, why):
    def schema():
        with contextlib.closing(sqlite3.connect(path)) as con: return [*con.execute('SELECT name FROM sqlite_schema')]
    with contextlib.closing(sqlite3.connect(path)) as con: con.executescript(script)
    before = schema()
    async def run():
        with pytest.raises(BackplaneError, match=why): await SqliteBackplane(path).open(Limits())
    asyncio.run(run())
    assert schema() == before


def test_tables_of_another_form_are_refused(path):
    asyncio.run(make(path))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("UPDATE sse_meta SET value = '2' WHERE name = 'form'")
    async def run():
        with pytest.raises(BackplaneError, match='form of its tables is 2'): await SqliteBackplane(path).open(Limits())
    asyncio.run(run())


def answers_of(publisher):
    while answer := publisher.next_line(): yield from answer


def test_processes_that_open_publish_and_read_at_once_see_one_order(other, n=400):
    publishers = [other('publish', tag, n, most) for tag, most in dict(a=1, b=7, c=300).items()]
    readers = [other('read', 3 * n, count) for count in (3, 500)]
    assert len({one.next_line()[1] for one in [*publishers, *readers]}) == 1  # they agree on the epoch of a new file
    for one in publishers: one.go()
    answered = {place: f'{tag}.{i}' for tag, one in zip('abc', publishers, strict=True) for place, i in answers_of(one)}
    seen = [[tuple(e) for e in one.next_line()] for one in readers]
    assert len(answered) == 3 * n and seen[0] == seen[1] == sorted(answered.items())
    for tag in 'abc': assert [body for _, body in seen[0] if body[0] == tag] == [f'{tag}.{i}' for i in range(n)]


def test_a_writer_that_is_killed_loses_nothing_and_stops_no_other(other, path):
    async def run():
        async with opened(path) as engine:
            lost = []
            for round in range(3):
                victim, answered = other('publish', f'victim{round}', 10**6, 200), []
                assert victim.next_line()[0] == 'open'
                victim.go()
                while len(answered) < 50: answered += victim.next_line()
                victim.process.kill()
                answered += answers_of(victim)
                place, = await engine.publish([Publication(b'after')])
                seen = [(p, body) for p, body in await everything(engine) if body.startswith(f'victim{round}.')]
                assert [body for _, body in seen] == [f'victim{round}.{i}' for i in range(len(seen))]
                answered = [(p, f'victim{round}.{i}') for p, i in answered]
                lost += set(answered) - set(seen)
                assert place > seen[-1][0]
            assert not lost
    asyncio.run(run())
    with contextlib.closing(sqlite3.connect(path)) as con: verdict = con.execute('PRAGMA integrity_check').fetchall()
    assert verdict == [('ok',)]


def test_a_full_disk_is_an_error_to_the_caller_readers_continue_and_it_recovers(disk):
    async def run():
        async with opened(disk.folder/'events.db') as engine, opened(disk.folder/'events.db') as reader:
            kept = [(await engine.publish([Publication(b'%d' % i)]))[0] for i in range(10)]
            disk.fill()
            with pytest.raises(BackplaneError, match='its disk is full') as raised:
                for i in range(10, 1000): kept += await engine.publish([Publication(b'%d' % i + bytes(3000))])
            assert not raised.value.doubtful and len(kept) < 1000
            assert [place for place, _ in await everything(reader)] == kept
            await reader.open(Limits(events=1000))
            assert [place for place, _ in await everything(reader)] == kept
            disk.empty()
            kept += await engine.publish([Publication(b'again'), Publication(b'kept', key='k', retain=True)])
            assert [place for place, _ in await everything(reader)] == kept
    asyncio.run(run())


def test_a_new_file_on_a_full_disk_is_an_error_and_can_be_made_later(disk):
    async def run():
        engine = SqliteBackplane(disk.folder/'events.db')
        disk.fill()
        with pytest.raises(BackplaneError, match='disk'): await engine.open(Limits())
        disk.empty()
        assert (await engine.open(Limits())).last == 0
        await engine.close()
    asyncio.run(run())


def test_another_program_that_locks_the_file_for_too_long_is_an_error_and_nothing_is_left_behind(path):
    async def run():
        async with opened(path, timeout=0.3) as engine, opened(path, timeout=20) as patient:
            await engine.publish([Publication(b'before', key='k', retain=True)])
            with locked(path):
                waiting = asyncio.ensure_future(patient.publish([Publication(b'patient')]))
                no = Publication(b'no')
                for batch in ([no], [no, Publication(b'no', key='k')], [Publication(b'no', 'control')] * 200):
                    with pytest.raises(BackplaneError, match='more than 0.3 s') as raised: await engine.publish(batch)
                    assert not raised.value.doubtful
                with pytest.raises(BackplaneError, match='more than 0.3 s'): await engine.put_node_info('n', b'r')
                with pytest.raises(BackplaneError, match='more than 0.3 s'): await engine.new_epoch('x')
                assert [body for _, body in await everything(engine)] == ['before']
                assert not waiting.done()
            await waiting
            await engine.publish([Publication(b'after')])
            assert [body for _, body in await everything(engine)] == ['before', 'patient', 'after']
            assert [entry.body for entry in await engine.retained()] == [b'before']
    asyncio.run(run())


@pytest.mark.parametrize('fault', ['deleted', 'replaced', 'written over', 'log deleted'])
def test_readers_and_writers_notice_that_a_file_was_replaced(path, tmp_path, fault):
    async def run():
        async with opened(path) as engine, opened(path) as reader:
            epoch = (await engine.open(Limits())).epoch
            await engine.publish([Publication(b'old')])
            backup(path, tmp_path/'copy')
            await engine.publish([Publication(b'new')])
            place = (await everything(reader))[-1][0]
            reading = asyncio.ensure_future(reader.read({'events': place}, wait=60))
            if fault == 'deleted':
                for file in files(path): file.unlink()
            elif fault == 'replaced': put_back(tmp_path/'copy', path)
            elif fault == 'written over': backup(tmp_path/'copy', path)
            else: os.unlink(f'{path}-wal')
            start = time.monotonic()
            with pytest.raises(BackplaneError): await reading
            assert time.monotonic() - start < 30
            with contextlib.nullcontext() if fault == 'written over' else pytest.raises(BackplaneError, match='moved'):
                await engine.publish([Publication(b'nowhere')])
            if fault == 'log deleted': return
            for one in (engine, reader): again = await one.open(Limits())
            assert again.last == {'deleted': 0, 'replaced': 1, 'written over': 2}[fault]
            assert again.epoch != epoch
            await engine.publish([Publication(b'go on')])
            assert (await everything(reader))[-1][1] == 'go on'
    asyncio.run(run())


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() != 0, reason='only root can become nobody')
def test_a_read_only_file_or_folder_is_a_clear_error(path, other, tmp_path):
    asyncio.run(make(path))
    for folder in (tmp_path, *tmp_path.parents[:2]): folder.chmod(0o755)
    error, message = other('open_without_rights').next_line()
    assert error == 'BackplaneError' and message.startswith(f'sqlite:///{path}: ') and 'is read-only' in message
    tmp_path.chmod(0o777)
    assert 'is read-only' in other('open_without_rights').next_line()[1]
    path.unlink()
    tmp_path.chmod(0o755)
    assert 'has to be writable' in other('open_without_rights').next_line()[1]


async def make(path):
    async with opened(path) as engine: await engine.publish([Publication(b'x')])


def test_a_child_forked_after_open_gets_an_error_and_its_parent_continues(path, other):
    child = other('fork')
    used, closed, made = child.next_line(), child.next_line(), child.next_line()
    assert used[0] == made[0] == 'BackplaneError' and 'forked' in used[1] and 'open it after the fork' in made[1]
    assert closed == ['None'] and child.next_line() == [[1]] and child.process.wait(30) == 0


def test_file_and_log_stay_bounded_while_others_read_without_pause(path):
    limits = Limits(events=50)
    async def run():
        async with opened(path, limits) as engine, opened(path, limits) as one, opened(path, limits) as two:
            async def read_on(reader):
                after, found = 0, []
                while not found or found[-1].body != b'end':
                    try: found = await reader.read({'events': after}, wait=30)
                    except Gap as e: after, found = e.first, []
                    else: after = found[-1].position
            readers = [asyncio.ensure_future(read_on(reader)) for reader in (one, two)]
            largest = 0
            for _ in range(60):
                await engine.publish([Publication(bytes(100_000))] * 10)
                largest = max(largest, sum(file.stat().st_size for file in files(path)))
            await engine.publish([Publication(b'end')])
            await asyncio.gather(*readers)
            return largest
    assert asyncio.run(run()) < 45_000_000  # of 60 MB that went through


@pytest.mark.parametrize('watched', [True, False])
def test_a_waiting_reader_polls_at_most_twenty_times_a_second(path, monkeypatch, watched):
    options = {} if watched else dict(make_notifier=unwatched)
    connections = Connections(monkeypatch.setattr)
    async def run():
        async with opened(path, **options) as engine: await engine.read({'events': 0, 'control': 0}, wait=1.5)
    asyncio.run(run())
    assert 2 <= len(connections.reads) <= 38  # a few come faster at first


def test_large_events_are_not_read_on_the_loop(path, monkeypatch):
    connections, limits = Connections(monkeypatch.setattr), Limits(event_bytes=2**30)
    async def run():
        async with opened(path, limits) as engine, opened(path, limits) as reader:
            place, = await engine.publish([Publication(b'small')])
            while await reader.read({'events': place}): pass
            for size in (2 << 20, 8000, 300):
                reading = asyncio.ensure_future(reader.read({'events': place}, wait=60))
                await asyncio.sleep(0)
                places = await engine.publish([Publication(bytes(size))] * 30)
                found = list(await reading)
                while found[-1].position < places[-1]: found += await reader.read({'events': found[-1].position})
                assert [(e.position, len(e.body)) for e in found] == [(at, size) for at in places]
                while await reader.read({'events': (place := places[-1])}): pass
    asyncio.run(run())
    looks = connections.reads
    assert max(size for on_loop, size in looks if on_loop) <= 256 << 10
    assert max(size for _, size in looks) <= 2 << 20, 'one read is a megabyte, or one event'
    assert any(on_loop and size == 30 * 300 for on_loop, size in looks), 'small events are read on the loop'


def test_a_cancelled_close_that_waits_for_a_lock_still_closes(path):
    def left(): return [thread for thread in threading.enumerate() if thread.name.startswith('sse-sqlite')]
    async def run():
        engine = SqliteBackplane(path, timeout=0.5)
        await engine.open(Limits())
        with locked(path):
            publishing = asyncio.ensure_future(engine.publish([Publication(b'x')]))
            await asyncio.sleep(0)
            closing = asyncio.ensure_future(engine.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait({publishing, closing})
            assert closing.cancelled() and isinstance(publishing.exception(), BackplaneError)
        await asyncio.to_thread(until, lambda: not left(), 'its thread to end')
        await engine.close()
    asyncio.run(run())
    assert files(path) == [path]


def test_a_reader_continues_on_another_loop_after_close(path):
    engine = SqliteBackplane(path)
    async def once(n):
        last = (await engine.open(Limits())).last
        await engine.publish([Publication(b'%d' % n)])
        found = await engine.read({'events': last}, wait=30)
        await engine.close()
        return found[0].body
    assert [asyncio.run(once(n)) for n in range(3)] == [b'0', b'1', b'2']


def draft(body, channel, key, retain):
    return Publication(body, channel) if channel == 'control' or not key else Publication(body, channel, key, retain)


DRAFTS = st.lists(st.builds(draft, st.binary(max_size=9), st.sampled_from(['events', 'events', 'control']),
    st.sampled_from([None, None, 'a', 'b', 'c', 'd']), st.booleans()), max_size=5)
STEPS = st.one_of(st.tuples(st.just('publish'), st.sampled_from([0, 1]), DRAFTS, st.sampled_from([1, 1, 1, 40, 70])),
    st.tuples(st.just('read'), st.sampled_from([0, 1]), st.integers(0, 200), st.integers(1, 100)),
    st.tuples(st.just('retained'), st.sampled_from([0, 1])), st.tuples(st.just('open'), st.sampled_from([0, 1])),
    st.tuples(st.just('report'), st.sampled_from([0, 1]), st.sampled_from('xyz'), st.binary(max_size=9)))


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_two_adapters_return_the_same_as_the_one_in_memory(tmp_path_factory, steps):
    path, limits, model = tmp_path_factory.mktemp('model')/'events.db', Limits(retained=3), MemoryBackplane()
    def fields_of(entries): return [(entry.position, entry.channel, entry.body) for entry in entries]
    async def run():
        await model.open(limits)
        async with opened(path, limits) as one, opened(path, limits) as two:
            for what, who, *how in steps:
                engine = (one, two)[who]
                if what == 'publish':
                    publications = how[0] * how[1]
                    assert await engine.publish(publications) == await model.publish(publications)
                elif what == 'read':
                    for after in ({'events': how[0]}, {'events': how[0], 'control': how[0] // 2}):
                        expected, seen, found = fields_of(await model.read(after, 10**6)), [], None
                        while found := await engine.read(after, how[1]):
                            seen += fields_of(found)
                            after |= {entry.channel: entry.position for entry in found}
                        assert sorted(seen) == sorted(expected) and len(seen) == len(expected)
                elif what == 'retained': assert fields_of(await engine.retained()) == fields_of(await model.retained())
                elif what == 'report':
                    for each in (engine, model): await each.put_node_info(*how)
                    assert await engine.node_info() == await model.node_info()
                else:
                    at, expected = await engine.open(limits), await model.open(limits)
                    assert (at.first, at.last, at.last_control) == (0, expected.last, expected.last_control)
    asyncio.run(run())


@pytest.mark.long
def test_two_minutes_in_which_processes_are_killed_at_random(other, path):
    async def run():
        dice, answered, seen, end = random.Random(4), set(), [], time.monotonic() + 120
        crowd = [other('publish', f'p{n}', 10**9, 30) for n in range(4)]
        for one in crowd: one.next_line(), one.go()
        async with opened(path, Limits(events=10**6)) as reader:
            for n in itertools.count(len(crowd)):
                victim = crowd.pop(dice.randrange(len(crowd)))
                pause = time.monotonic() + dice.uniform(0.2, 2)
                while time.monotonic() < pause: seen += await everything(reader, seen[-1][0] if seen else 0)
                victim.process.kill()
                tag = victim.process.args[-1].split('"')[3]
                answered |= {(place, f'{tag}.{i}') for place, i in answers_of(victim)}
                if time.monotonic() > end: break
                crowd.append(other('publish', f'p{n}', 10**9, 30))
                crowd[-1].next_line(), crowd[-1].go()
            for one in crowd: one.end()
            seen += await everything(reader, seen[-1][0])
        assert len({*seen}) == len(seen) and seen == sorted(seen) and not answered - {*seen}
    asyncio.run(run())
    with contextlib.closing(sqlite3.connect(path)) as con: verdict = con.execute('PRAGMA integrity_check').fetchall()
    assert verdict == [('ok',)]


def test_many_openings_leave_no_thread_and_no_descriptor(path):
    def count(): return threading.active_count(), len(os.listdir('/dev/fd'))
    async def run(times):
        for _ in range(times):
            async with opened(path) as engine:
                reading = asyncio.ensure_future(engine.read({'events': 0}, wait=60))
                await asyncio.sleep(0)
                reading.cancel()
                await engine.open(Limits())
    asyncio.run(run(3))
    before = count()
    asyncio.run(run(60))
    assert count() == before
