"A process with open connections forks: the child uses its own, and the parent's stay intact"
import asyncio
import gc
import logging
import multiprocessing
import os

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, Publisher

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='nothing is forked on this system')


async def broadcast_once(manager):
    reached = await manager.broadcast('note', {'from': 'the child'})
    await manager.close()
    return [reached]


def be_child(manager, publisher, lines):
    results = asyncio.run(broadcast_once(manager)) if 'redis' in manager.cluster.link.name else []
    gc.collect()
    try:
        with publisher: results.append(bool(publisher.publish('note', {'from': 'its publisher'})))
    except BackplaneError as e: results.append(str(e))
    gc.collect()
    lines.put([manager.cluster.node, *results])


async def fork_while_open(url, publisher):
    manager, context = BroadcastManager(backplane=url), multiprocessing.get_context('fork')
    await manager.ready()
    _, queue = await manager.register()
    lines = context.SimpleQueue()
    def fork():
        (child := context.Process(target=be_child, args=(manager, publisher, lines))).start()
        results = lines.get()
        child.join()
        return results
    results = await asyncio.wait_for(asyncio.to_thread(fork), 60)
    for n in range(3): await manager.broadcast('note', {'from': n})
    received = []
    while 2 not in received: received.append((await asyncio.wait_for(queue.get(), 30)).data['from'])
    node = manager.cluster.node
    await manager.close()
    return results, node, received


def test_a_child_has_its_own_connections_to_redis_and_its_events_arrive(one_valkey, caplog):
    url = f'{one_valkey.url}/0?name=forked'
    with Publisher(url) as publisher:
        publisher.publish('note', {'from': 'before'})
        results, node, received = asyncio.run(fork_while_open(url, publisher))
        publisher.publish('note', {'from': 'after'})
    node_of_child, reached, published = results
    assert (reached, published) == (0, True) and node_of_child != node
    assert received == ['the child', 'its publisher', 0, 1, 2]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_child_gets_an_error_for_an_open_file_and_its_parent_continues(tmp_path, caplog):
    url = f'sqlite:///{tmp_path}/events.db'
    results, node, received = asyncio.run(fork_while_open(url, Publisher(url, timeout=0.2)))
    assert results[0] != node and 'open it after the fork' in results[1]
    assert received == [0, 1, 2] and not [record for record in caplog.records if record.levelno >= logging.WARNING]
