"A server that can be read but refuses events, because it is full or no longer the master"
import asyncio
import time

import pytest
from cjm_fasthtml_sse import BackplaneError, Publisher

from .machines import until
from settings import make_manager


async def come_true(condition, patience=20):
    async with asyncio.timeout(patience):
        while not condition(): await asyncio.sleep(0.02)  # noqa: ASYNC110 - there is no event to wait for


def test_what_is_kept_while_a_server_is_full_comes_in_order(valkey):
    async def go():
        engine = valkey(appendonly='no')
        manager = make_manager(backplane=engine.url, buffer=True)
        await manager.ready()
        _, queue = await manager.register()
        with engine.client as client: client.config_set('maxmemory', 1)
        start = time.monotonic()
        for n in range(100): assert await manager.broadcast('t', {'n': n}) == 0
        with pytest.raises(BackplaneError, match='memory') as e: await manager.broadcast('t', {}, buffer=False)
        with pytest.raises(BackplaneError, match='memory'): await manager.survey('who', None)
        assert not e.value.doubtful and time.monotonic() - start < 3 and manager.statistics().backplane == 'open'
        with engine.client as client: client.config_set('maxmemory', 0)
        assert [(await asyncio.wait_for(queue.get(), 10)).data['n'] for _ in range(100)] == [*range(100)]
        await manager.close()
    asyncio.run(go())


@pytest.fixture
def pair(valkey):
    "A master and a synchronized replica, and a function that exchanges their roles"
    def client_of(engine): return engine.client.__enter__()
    engines = [valkey(appendonly='no', repl_diskless_sync_delay=0) for _ in range(2)]
    one, two = (client_of(engine) for engine in engines)
    two.replicaof('127.0.0.1', engines[0].port)
    until(lambda: two.info('replication').get('master_link_status') == 'up', 'the replica to be synchronized')
    def change():
        until(lambda: two.info('replication')['slave_repl_offset'] == one.info('replication')['master_repl_offset'])
        two.replicaof('NO', 'ONE')
        one.replicaof('127.0.0.1', engines[1].port)
    yield engines, change
    for client in (one, two): client.close()


def test_a_master_that_becomes_a_replica_in_the_turn_in_which_it_was_read(pair):
    "A blocked read is disconnected. A reader between two reads could continue at the replica, and must not"
    (one, two), change = pair
    async def go():
        url = f'redis://127.0.0.1:{one.port},127.0.0.1:{two.port}'
        manager = make_manager(backplane=url, report_interval=60)
        await manager.ready()
        _, queue = await manager.register()
        with Publisher(one.url) as publisher: publisher.publish('t', {'n': 0})
        change()  # in the same turn of the loop: the read has its answer, and the next one is not sent yet
        start = time.monotonic()
        with pytest.raises(BackplaneError) as e: await manager.broadcast('t', {'n': 'refused'})
        assert not e.value.doubtful
        while time.monotonic() - start < 5:
            try: await manager.broadcast('t', {'n': 1})
            except BackplaneError: await asyncio.sleep(0.05)
            else: break
        assert await manager.survey('who', None) == [] and await manager.broadcast('t', {'n': 2}) == 1
        assert [(await asyncio.wait_for(queue.get(), 5)).data['n'] for _ in range(3)] == [0, 1, 2]
        await manager.close()
    asyncio.run(go())


def test_a_reader_notices_when_it_stores_its_node_info(pair):
    (one, two), change = pair
    async def go():
        manager = make_manager(backplane=f'redis://127.0.0.1:{one.port},127.0.0.1:{two.port}', report_interval=0.2)
        await manager.ready()
        _, queue = await manager.register()
        with Publisher(one.url) as publisher: publisher.publish('t', {'n': 0})
        change()
        with Publisher(two.url) as publisher: publisher.publish('t', {'n': 1})
        with two.client as client:
            received = [(await asyncio.wait_for(queue.get(), 10)).data['n'] for _ in range(2)]
            await come_true(lambda: client.info('clients')['blocked_clients'] == 1)
        assert received == [0, 1]
        await manager.close()
    asyncio.run(go())


def test_buffered_events_survive_a_change_of_masters(pair):
    (one, two), change = pair
    async def go():
        url = f'redis://127.0.0.1:{one.port},127.0.0.1:{two.port}'
        manager = make_manager(backplane=url, buffer=True, report_interval=60)
        await manager.ready()
        _, queue = await manager.register()
        with Publisher(one.url) as publisher: publisher.publish('t', {'n': 0})
        change()
        for n in range(1, 20): await manager.broadcast('t', {'n': n})
        assert [(await asyncio.wait_for(queue.get(), 10)).data['n'] for _ in range(20)] == [*range(20)]
        await manager.close()
    asyncio.run(go())
