"A process with open connections forks: the child uses its own, and the parent's stay intact"
import asyncio
import gc
import logging
import multiprocessing
import os

import pytest
from cjm_fasthtml_sse import BackplaneError, BroadcastManager, Publisher

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='nothing is forked on this system')


async def speak(manager):
    reached = await manager.broadcast('note', {'from': 'the child'})
    await manager.close()
    return [reached]


def be_child(manager, publisher, lines):
    said = asyncio.run(speak(manager)) if 'redis' in manager.backplane.name else []
    gc.collect()
    try:
        with publisher: said.append(bool(publisher.publish('note', {'from': 'its publisher'})))
    except BackplaneError as e: said.append(str(e))
    gc.collect()
    lines.put([manager.node, *said])


async def fork_while_open(url, publisher):
    manager, context = BroadcastManager(backplane=url), multiprocessing.get_context('fork')
    await manager.ready()
    _, queue = await manager.register()
    lines = context.SimpleQueue()
    def fork():
        (child := context.Process(target=be_child, args=(manager, publisher, lines))).start()
        said = lines.get()
        child.join()
        return said
    said = await asyncio.wait_for(asyncio.to_thread(fork), 60)
    for n in range(3): await manager.broadcast('note', {'from': n})
    heard = []
    while 2 not in heard: heard.append((await asyncio.wait_for(queue.get(), 30)).data['from'])
    node = manager.node
    await manager.close()
    return said, node, heard


def test_a_child_has_its_own_connections_to_redis_and_its_events_arrive(one_valkey, caplog):
    url = f'{one_valkey.url}/0?name=forked'
    with Publisher(url) as publisher:
        publisher.publish('note', {'from': 'before'})
        said, node, heard = asyncio.run(fork_while_open(url, publisher))
        publisher.publish('note', {'from': 'after'})
    node_of_child, reached, published = said
    assert (reached, published) == (0, True) and node_of_child != node
    assert heard == ['the child', 'its publisher', 0, 1, 2]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_child_gets_an_error_for_an_open_file_and_its_parent_continues(tmp_path, caplog):
    url = f'sqlite:///{tmp_path}/events.db'
    said, node, heard = asyncio.run(fork_while_open(url, Publisher(url, timeout=0.2)))
    assert said[0] != node and 'open it after the fork' in said[1]
    assert heard == [0, 1, 2] and not [record for record in caplog.records if record.levelno >= logging.WARNING]
