"An engine that restarts with fewer events while no process runs costs every tab one reset; otherwise there is none"
import asyncio
import contextlib
import logging
import sqlite3

import pytest
from cjm_fasthtml_sse.backplanes.redis import from_url
from cjm_fasthtml_sse.backplanes.base import Limits
from cjm_fasthtml_sse.backplanes.publisher import Publisher

from .machines import until
from .pages import application, soon
from .sqlite_tools import backup


async def run_once(url, numbers, **options):
    "Run an application that broadcasts `numbers`, and return the ids"
    async with application(url, **options) as app: return [await app.send(n) for n in numbers]


async def reconnect(url, ids, n):
    "Run a new application that broadcasts `n`; return tabs that reconnect with `ids`, after they got `n`"
    async with application(url) as app:
        pages = [app.page(id) for id in ids]
        await soon(lambda: app.get_connection_count() == len(pages))
        await app.send(n)
        await soon(lambda: all(page.received[-1:] == [n] for page in pages))
        return pages


def restart(engine):
    engine.kill()
    engine.start()


def test_an_engine_and_an_application_that_die_together(valkey):
    "The engine restarts from its last snapshot, and a publisher connects first"
    engine = valkey(appendonly='no')
    async def go():
        async with application(engine.url) as app:
            ids = [await app.send(n) for n in range(3)]
            with engine.client as client: client.save()
            ids += [await app.send(n) for n in range(3, 6)]
        restart(engine)
        async with Publisher(engine.url) as job: await job.publish_async('note', {'n': 100})
        pages = await reconnect(engine.url, [ids[2], ids[4], ids[5]], 6)
        assert [page.resets for page in pages] == [1, 1, 1]
        again = await reconnect(engine.url, [page_id(page) for page in pages], 7)
        assert [page.resets for page in again] == [0, 0, 0] and all(page.received == [7] for page in again)
    asyncio.run(go())


def page_id(page): return page.text.rpartition('\nid: ')[2].partition('\n')[0]


@pytest.mark.parametrize('replica', [False, True], ids=['alone', 'with a replica'])
def test_an_engine_that_waits_for_the_disk_has_everything_and_resets_nobody(valkey, replica):
    engine = valkey(appendfsync='always', repl_diskless_sync_delay=0)
    if replica:
        other = valkey(appendonly='no', replicaof=f'127.0.0.1 {engine.port}')
        with other.client as client:
            until(lambda: client.info('replication')['master_link_status'] == 'up', 'the replica to be connected')
    async def go():
        ids = await run_once(engine.url, range(5))
        for n in (5, 6):  # a second restart also keeps the epoch
            restart(engine)
            page, up_to_date = await reconnect(engine.url, [ids[1], ids[-1]], n)
            assert page.resets == up_to_date.resets == 0
            assert page.received == list(range(2, n + 1)) and up_to_date.received[-1] == n
    asyncio.run(go())


def test_a_process_that_ran_all_the_time_continues_if_nothing_is_lost(valkey):
    "The engine does not wait for the disk, and loses nothing; a publisher connects first"
    engine = valkey(appendfsync='no')
    async def go():
        async with application(engine.url) as app, Publisher(engine.url) as job:
            page = app.page()
            await soon(lambda: app.get_connection_count() == 1)
            await app.send(0)
            await soon(lambda: page.received == [0])
            restart(engine)
            await job.publish_async('note', {'n': 1})
            await soon(lambda: page.received == [0, 1])
            async with application(engine.url) as later:
                assert later.cursor().split('-')[0] == app.cursor().split('-')[0]
                await later.send(2)
            await soon(lambda: page.received == [0, 1, 2])
            assert page.resets == 0
    asyncio.run(go())


def has_its_file(client):
    info = client.info('persistence')
    return not info['aof_rewrite_in_progress'] and not info['aof_rewrite_scheduled']


def test_a_replica_that_becomes_the_master_while_no_process_runs(valkey):
    "It may lack events of the former master"
    engine = valkey(appendfsync='always', repl_diskless_sync_delay=0)
    replica = valkey(appendfsync='always', replicaof=f'127.0.0.1 {engine.port}')
    async def go():
        ids = await run_once(engine.url, range(3))
        with engine.client as client: assert client.wait(1, 10_000) == 1
        with replica.client as client: until(lambda: has_its_file(client), 'the replica to have a file')
        engine.kill()
        with replica.client as client: client.execute_command('REPLICAOF', 'NO', 'ONE')
        del replica.options['replicaof']
        page, = await reconnect(replica.url, ids[-1:], 3)
        assert page.resets == 1
        restart(replica)
        page, = await reconnect(replica.url, [page_id(page)], 4)
        assert page.resets == 0 and page.received == [4], 'its own restart keeps the epoch again'
    asyncio.run(go())


@pytest.mark.parametrize('refused', ['config', 'info'])
def test_an_engine_that_refuses_info_or_config(valkey, refused, caplog):
    "Without CONFIG it does not count as durable, unless the URL has `durable=1`. Without INFO no restart is noticed"
    engine = valkey(appendfsync='always')
    def forbid():
        with engine.client as client: client.execute_command('ACL', 'SETUSER', 'default', f'-{refused}')
    async def epochs(url):
        found = []
        for _ in range(2):
            backplane = from_url(url)
            found.append((await backplane.open(Limits())).epoch)
            await backplane.close()
        return found
    async def go(url):
        forbid()
        before = await epochs(url)
        restart(engine)
        forbid()
        after = await epochs(url)
        assert before[0] == before[1] and after[0] == after[1]
        return before[0] == after[0]
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(go(engine.url)) is (refused == 'info')
        assert caplog.text.count('whether it was restarted') == (4 if refused == 'info' else 0)
        assert asyncio.run(go(f'{engine.url}?name=other&durable=1')) is True
        assert caplog.text.count('whether it was restarted') == (4 if refused == 'info' else 0)


def test_an_older_state_that_was_written_over_the_file_of_a_stopped_application(tmp_path):
    path, copy = tmp_path/'events.db', tmp_path/'copy.db'
    url = f'sqlite:///{path}'
    async def go():
        async with application(url) as app:
            ids = [await app.send(n) for n in range(3)]
            backup(path, copy)
            ids += [await app.send(n) for n in range(3, 6)]
        backup(copy, path)
        pages = await reconnect(url, [ids[2], ids[5]], 6)
        assert [page.resets for page in pages] == [1, 1] and all(page.received == [6] for page in pages)
        again = await reconnect(url, [page_id(page) for page in pages], 7)
        assert [page.resets for page in again] == [0, 0] and all(page.received == [7] for page in again)
        for _ in range(2):
            backup(copy, path)
            page, = await reconnect(url, [page_id(pages[0])], 8)
            assert page.resets == 1
    asyncio.run(go())


def test_reading_a_file_or_shrinking_its_log_keeps_the_epoch(tmp_path):
    path, copy = tmp_path/'events.db', tmp_path/'copy.db'
    url = f'sqlite:///{path}'
    async def go():
        ids = await run_once(url, range(3))
        backup(path, copy)
        with contextlib.closing(sqlite3.connect(path)) as other:
            for statement in ('wal_checkpoint(TRUNCATE)', 'integrity_check', 'incremental_vacuum'):
                other.execute(f'PRAGMA {statement}').fetchall()
        page, = await reconnect(url, ids[:1], 3)
        assert page.received == [1, 2, 3] and page.resets == 0
    asyncio.run(go())
