"Ids that pages choose, while one of several workers is killed, stopped, or in another container"
import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, ConnectionRefused
from cjm_fasthtml_sse import Cluster
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from asgi.clients import Stream, until

from .nodes import closing, eventually, session_cookie
from .workers import Worker

linux = pytest.mark.skipif(sys.platform != 'linux', reason='other systems have only reports to detect a dead process')


@pytest.fixture
def workers(tmp_path):
    "Start workers on one file, until they know of each other: `workers(beat=5, number=2)`"
    started = []
    def start(beat, number=2):
        started.extend(Worker(tmp_path, f'sqlite:///{tmp_path}/events.db', beat) for _ in range(number))
        until(lambda: all(each.ask('/nodes') == number for each in started), 'the workers to know of each other')
        return started
    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError): each.signal(signal.SIGCONT)
        each.stop()


def status(worker, name='ana'):
    "Return the status for a page of that user that requests the id `mine`"
    with Stream(worker.port, '/sse/broadcast?connection_id=mine', headers=session_cookie(name)) as stream:
        return int(stream.head.split()[1])


@linux
def test_a_killed_worker_releases_its_ids(workers):
    killed, other = workers(beat=5)
    with closing(killed.subscribe('connection_id=mine', 'ana')):
        killed.process.kill()  # its parent, this process, has not waited for it yet
        begun = time.monotonic()
        assert status(other) == 200 and time.monotonic() - begun < 2


@linux
def test_a_stopped_worker_keeps_its_ids(workers, beat=0.1):
    stopped, other = workers(beat)
    with closing(stopped.subscribe('connection_id=mine', 'ana')) as (mine,):
        stopped.signal(signal.SIGSTOP)
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > 10 * beat, 'many intervals without a report')
        assert status(other) == 503 and other.ask('/nodes') == 2
        stopped.signal(signal.SIGCONT)
        until(lambda: status(other) == 200, 'the id to pass on')
        mine.read(b'event: sse-close')


ELSEWHERE = """
import asyncio, sys
from cjm_fasthtml_sse import BroadcastManager, Cluster
async def main():
    manager = BroadcastManager(backplane=sys.argv[1], cluster=Cluster(report_interval=0.2))
    await manager.ready()
    print(manager.cluster.node, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def in_a_container(command):
    "Run `command` in its own process namespace, if this user may"
    unshare = [shutil.which('unshare') or 'unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
    try: subprocess.run([*unshare, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError): pytest.skip('needs unshare and permission to create a namespace')
    return subprocess.Popen([*unshare, *command], stdout=subprocess.PIPE, text=True)


@linux
def test_a_process_in_another_container_is_judged_by_its_reports(tmp_path):
    "Its process id there belongs to no process, or to another process, here"
    url = f'sqlite:///{tmp_path}/events.db'
    with in_a_container([sys.executable, '-c', ELSEWHERE, url]) as elsewhere:
        try: asyncio.run(watch(url, elsewhere))
        finally: elsewhere.kill()


async def watch(url, elsewhere):
    node = (await asyncio.to_thread(elsewhere.stdout.readline)).strip()
    manager = BroadcastManager(backplane=url, cluster=Cluster(report_interval=0.2))
    await manager.ready()
    await eventually(lambda: node in manager.cluster.nodes())
    for _ in range(5):  # it stays while its reports arrive
        await manager.collect_info('connections')
        assert node in manager.cluster.nodes()
        await asyncio.sleep(0.2)
    elsewhere.kill()
    await eventually(lambda: node not in manager.cluster.nodes())
    await manager.close()


def test_a_process_of_another_host_is_dropped_after_two_missing_reports():
    async def story():
        engine, beat = MemoryBackplane(), 0.3
        manager = BroadcastManager(backplane=engine, cluster=Cluster(report_interval=beat))
        info = dict(report_interval=beat, process=['another host', os.getpid(), 1])
        async def report():
            for n in range(10**6):
                await engine.put_node_info('elsewhere', json.dumps(info | dict(beats=n)).encode())
                await asyncio.sleep(beat / 3)
        reports = asyncio.create_task(report())
        await asyncio.sleep(0)
        await manager.ready()
        with pytest.raises(ConnectionRefused, match='Not every process has answered'):
            await manager.users.claim('mine', 'ana')
        reports.cancel()
        begun = time.monotonic()
        await eventually(lambda: 'elsewhere' not in manager.cluster.nodes())
        took = time.monotonic() - begun
        await manager.users.claim('mine', 'ana')
        await manager.close()
        return took / beat
    assert 1 < asyncio.run(story())


def test_an_outage_of_the_backplane_drops_no_process():
    "The first process to reconnect has old reports of the others, because they could not report"
    class Away(MemoryBackplane):
        away = False
        async def read(self, after, count=500, wait=0):
            if self.away: raise BackplaneError('unreachable')
            return await super().read(after, count, min(wait, 0.02))
        async def open(self, limits):
            if self.away: raise BackplaneError('unreachable')
            return await super().open(limits)
    async def story():
        engine, beat = Away(), 0.2
        manager = BroadcastManager(backplane=engine, cluster=Cluster(report_interval=beat))
        await engine.put_node_info('elsewhere', b'{"beats": 1, "process": ["another host", 1, 1]}')
        await manager.ready()
        engine.away = True
        await eventually(lambda: manager.statistics().backplane == 'lost')
        await asyncio.sleep(6 * beat)  # the length of the outage
        engine.away = False
        await eventually(lambda: manager.statistics().backplane == 'open')
        known = manager.cluster.nodes()
        await manager.close()
        return known
    assert 'elsewhere' in asyncio.run(story())
