"Workers on one file with tabs, and the faults of a file"
import contextlib
import os

import pytest

from .machines import until
from .sqlite_tools import Disk, backup, files, locked, put_back

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='these tests are for POSIX systems')


@pytest.fixture
def path(tmp_path): return tmp_path/'events.db'


@pytest.fixture
def two(workers, path, tab):
    "Two workers on the file, each with a tab"
    both = workers(*[f'sqlite:///{path}?timeout=0.5'] * 2)
    return both, [tab(one) for one in both]


def under_way(tabs, before=0): until(lambda: all(len(one.events) > before + 10 for one in tabs), 'the load to arrive')


def failed(worker): return any(outcome == 'failed' for _, outcome, _ in worker.ask('/done')[1])


def check_all(tabs, sent):
    "Check that both tabs got all events once and in one order"
    sent = {*map(tuple, sent)}
    for one in tabs: until(lambda one=one: sent <= {*map(tuple, one.data())}, 'the tabs to get all events')
    first, second = (one.data() for one in tabs)
    assert first == second and len({*map(tuple, first)}) == len(first)


def test_a_lock_held_too_long_is_an_error_to_the_caller_and_no_reader_notices(two, path, load):
    workers, tabs = two
    def hold():
        under_way(tabs)
        with locked(path): status, message = workers[1].ask('/note', n='["x", 0]')
        assert status == 'failed' and f'{path}: another program has held its lock for more than 0.5 s' in message
        with locked(path): until(lambda: failed(workers[0]), 'an event of the load to fail')
    came = load(workers[0], 'a', 50, 3, hold)
    assert came['failed'] and not came['doubtful'] and len(came['sent']) + len(came['failed']) == 150
    check_all(tabs, came['sent'])
    assert not {('x', 0), *map(tuple, came['failed'])} & {*map(tuple, tabs[0].data())}
    status, message = workers[1].ask('/note', n='["b", 1]')
    assert status == 'sent', message
    assert not any(one.resets or one.opened > 1 for one in tabs)


class FullForSQLite:
    "SQLite's limit of pages instead of a full disk, which needs no right to mount one"
    def __init__(self, folder):
        self.folder, self.workers = folder, []
        folder.mkdir()

    def fill(self):
        for one in self.workers: one.ask('/pages', n=1)  # SQLite keeps the present number of pages if it is larger

    def empty(self):
        for one in self.workers: one.ask('/pages', n=10**9)

    def close(self): pass


@pytest.mark.sample(1)
@pytest.mark.parametrize('kind', ['a disk', 'SQLite'])
def test_a_full_disk_is_an_error_to_the_caller_and_no_reader_notices(workers, tab, load, tmp_path, kind):
    if kind == 'a disk' and os.geteuid() != 0: pytest.skip('only root can mount a disk that may be filled')
    disk = Disk(tmp_path/'disk', '3m') if kind == 'a disk' else FullForSQLite(tmp_path/'disk')
    with contextlib.closing(disk):
        disk.workers = both = workers(*[f'sqlite:///{disk.folder}/events.db'] * 2)
        tabs = [tab(one) for one in both]
        def fill():
            under_way(tabs)
            disk.fill()
            until(lambda: both[0].ask('/note', n='["x", 0]', size=100_000)[0] == 'failed', 'the disk to be full')
            assert 'its disk is full' in both[0].ask('/note', n='["x", 0]', size=100_000)[1]
            disk.empty()
        came = load(both[1], 'a', 50, 3, fill)
        assert len(came['sent']) + len(came['failed']) == 150 and came['sent']
        until(lambda: both[0].ask('/note', n='["b", 1]')[0] == 'sent', 'the disk to take events again')
        check_all(tabs, [*came['sent'], ['b', 1]])
        assert not any(one.resets for one in tabs)
        for one in (*tabs, *both): one.leave() if one in tabs else one.stop()


FAULTS = {'deleted': lambda path, copy: [file.unlink() for file in files(path)],
    'an older copy put back': lambda path, copy: put_back(copy, path),
    'an older state written over it': lambda path, copy: backup(copy, path)}


@pytest.mark.sample(1)
@pytest.mark.parametrize('fault', FAULTS)
def test_a_file_whose_newest_events_are_gone_is_one_reset_for_every_tab(two, path, tmp_path, load, fault):
    workers, tabs = two
    first = load(workers[0], 'a', 100, 0.5)
    backup(path, tmp_path/'copy')
    more = load(workers[1], 'b', 100, 0.5)
    check_all(tabs, [*first['sent'], *more['sent']])
    epochs = {one.ask('/state')['epoch'] for one in workers}
    received = len(tabs[0].events)
    came = load(workers[0], 'c', 50, 2, lambda: (under_way(tabs, received), FAULTS[fault](path, tmp_path/'copy')))
    states = until(lambda: agreed(workers, epochs), 'both workers to be on the new epoch')
    assert len(epochs) == 1 and states
    last = [workers[0].ask('/note', n='["d", 0]')[0], workers[1].ask('/note', n='["d", 1]')[0]]
    assert last == ['sent', 'sent'] and came['sent']
    for one in tabs:
        until(lambda one=one: ['d', 1] in one.data(), 'the last event')
        assert len(one.resets) == 1, one.resets
        names = [*map(tuple, one.data())]
        assert len({*names}) == len(names)
    after = [[*map(tuple, one.data())] for one in tabs]
    tail = [names[names.index(('c', 99)):] for names in after]
    assert tail[0] == tail[1] == [('c', 99), ('d', 0), ('d', 1)]


def agreed(workers, old):
    states = [one.ask('/state') for one in workers]
    epochs = {state['epoch'] for state in states}
    return states if len(epochs) == 1 and not epochs & old and {s['backplane'] for s in states} == {'open'} else None


def test_the_log_survives_that_all_workers_end_and_a_tab_resumes(worker, tab, path, load):
    workers = [worker(f'sqlite:///{path}')]
    one = tab(lambda: workers)
    load(workers[0], 'a', 100, 0.5)
    until(lambda: len(one.data()) == 50, 'the first events')
    workers.pop().stop()
    assert [file.name for file in files(path)] == ['events.db']
    newer = worker(f'sqlite:///{path}')
    load(newer, 'b', 100, 0.5)
    workers.append(newer)
    until(lambda: len(one.data()) == 100, 'the events of the time without a worker')
    assert one.data() == [[tag, i] for tag in 'ab' for i in range(50)] and not one.resets
