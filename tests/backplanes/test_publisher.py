"Publishing without a web server, by the command and by a program, on engines that fail meanwhile"
import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from cjm_fasthtml_sse.backplanes.memory import MemoryBackplane
from cjm_fasthtml_sse.backplanes.publisher import Publisher
from cjm_fasthtml_sse.events.wire import BackplaneError

from .machines import PATIENCE, until
from .sqlite_tools import locked


def command(*arguments, stdin='', **environment):
    "Run `python -m cjm_fasthtml_sse`; return status, standard output and standard error"
    env = {name: value for name, value in os.environ.items() if name != 'SSE_BACKPLANE'} | environment
    line = [sys.executable, '-m', 'cjm_fasthtml_sse', *arguments]
    done = subprocess.run(line, input=stdin, env=env, timeout=PATIENCE, capture_output=True, text=True)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


PROGRAM = """
import sys
from cjm_fasthtml_sse.backplanes.publisher import Publisher
tag, n = sys.argv[2], int(sys.argv[3])
with Publisher(sys.argv[1], timeout=60) as p:
    print('ready', flush=True)
    for i in range(n): print(p.publish('note', {'n': [tag, i]}), flush=True)
"""


class Program:
    "Another program that publishes `n` events"
    def __init__(self, url, tag, n):
        line = [sys.executable, '-c', PROGRAM, url, tag, str(n)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == 'ready\n'

    def ids(self):
        "Return the ids that it printed, after its end"
        with self.process: return self.process.stdout.read().split()


def test_a_shell_publishes_to_the_tabs_of_a_worker(worker, tab, shared_url):
    one = worker(shared_url)
    reader = tab(one, topics=['news'])
    arguments = ['publish', '--type', 'deployed', '--topic', 'news', '--data']
    status, id, err = command(*arguments, '{"n": 1}', '--url', shared_url)
    assert (status, err) == (0, '')
    status, later, _ = command(*arguments, '-', stdin='{"n": "über"}', SSE_BACKPLANE=shared_url)
    assert status == 0 and later != id
    until(lambda: len(reader.data()) == 2, 'both events')
    assert reader.data() == [1, 'über'] and reader.ids() == [id, later]
    assert reader.events[0][1]['type'] == 'deployed'


def test_an_error_in_a_shell_is_one_sentence_and_a_status(tmp_path):
    url, publish = f'sqlite:///{tmp_path}/none/x.db', ['publish', '--type', 't', '--data', '{}', '--timeout', '0.3']
    status, out, err = command(*publish, '--url', url)
    assert (status, out) == (1, '') and err.startswith('Not sent: ') and 'no folder' in err and '\n' not in err
    status, out, err = command(*publish)
    assert (status, out) == (2, '') and 'SSE_BACKPLANE' in err and '\n' not in err
    status, out, err = command(*publish, '--retain', SSE_BACKPLANE=url)
    assert (status, out) == (2, '') and err.startswith('retain ') and '\n' not in err
    status, _, err = command('publish', '--type', 't', '--data', '{no json', SSE_BACKPLANE=url)
    assert status == 2 and 'this is not JSON' in err
    _, _, err = command(*publish, SSE_BACKPLANE='redis://:geheim@127.0.0.1:1/0')
    assert err and 'geheim' not in err


def test_programs_and_workers_that_publish_at_once_have_one_order(worker, tab, shared_url, n=150):
    workers = [worker(shared_url) for _ in range(2)]
    tabs = [tab(one) for one in workers]
    programs = [Program(shared_url, tag, n) for tag in 'pq']
    workers[0].ask('/begin', what='burst', tag='w', n=n)
    ids = dict(zip('pq', [one.ids() for one in programs], strict=True))
    for one in tabs: until(lambda one=one: len(one.data()) == 3 * n, 'all events')
    assert tabs[0].events == tabs[1].events
    for tag in 'pqw': assert [name for name in tabs[0].data() if name[0] == tag] == [[tag, i] for i in range(n)]
    for tag, given in ids.items(): assert given == [id for id, event in tabs[0].events if event['data']['n'][0] == tag]


def test_a_program_that_is_killed_does_not_stop_others(worker, tab, shared_url):
    one = worker(shared_url)
    reader, program = tab(one), Program(shared_url, 'p', 10**6)
    until(lambda: len(reader.data()) > 100, 'some of its events')
    program.process.send_signal(signal.SIGKILL)
    answered = program.ids()
    assert one.ask('/note', n='["w", 0]')[0] == 'sent'
    until(lambda: reader.data()[-1] == ['w', 0], 'the event of the worker')
    seen = reader.data()[:-1]
    assert seen == [['p', i] for i in range(len(seen))] and set(answered) <= set(reader.ids()) and not reader.resets


def test_a_publisher_waits_for_a_lock_and_a_failed_event_was_not_sent(tmp_path):
    url = f'sqlite:///{tmp_path}/events.db?timeout=0.2'
    with Publisher(url, timeout=60) as patient, Publisher(url, timeout=1) as hasty:
        patient.publish('note', {'n': 'first'})
        done = []
        with locked(tmp_path/'events.db'):
            thread = threading.Thread(target=lambda: done.append(patient.publish('note', {'n': 'patient'})))
            thread.start()
            with pytest.raises(BackplaneError, match='Not sent: .*another program has held its lock') as raised:
                hasty.publish('note', {'n': 'hasty'})
            assert not raised.value.doubtful and not done
        thread.join(PATIENCE)
        assert done[0].endswith('-2') and hasty.publish('note', {'n': 'later'}).endswith('-3')


def test_threads_that_wait_at_close_get_an_error_for_their_events():
    doubts, on_its_way = [], threading.Event()
    class Stuck(MemoryBackplane):
        async def publish(self, publications):
            on_its_way.set()
            await asyncio.Event().wait()
    p = Publisher(Stuck(), timeout=PATIENCE)
    def publish():
        with pytest.raises(BackplaneError, match='it was closed') as raised: p.publish('note', {})
        doubts.append(raised.value.doubtful)
    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads: thread.start()
    assert on_its_way.wait(PATIENCE)
    loop, = {thread.loop for thread in threading.enumerate() if thread.name == 'sse-publisher'}
    until(lambda: len(asyncio.all_tasks(loop)) == 3, 'the others to wait for their turn')
    p.close()
    for thread in threads: thread.join(PATIENCE)
    assert sorted(doubts) == [False, False, True]


def test_an_engine_that_is_killed_and_restarted_has_each_event_once(worker, tab, valkey, n=300):
    engine = valkey()
    one = worker(engine.url)
    reader, program = tab(one), Program(engine.url, 'p', n)
    until(lambda: len(reader.data()) > 50, 'some of its events')
    engine.kill()
    time.sleep(1)  # the length of the outage
    engine.start()
    assert len(program.ids()) == n
    until(lambda: len(reader.data()) >= n, 'all events')
    assert reader.data() == [['p', i] for i in range(n)] and not reader.resets


def test_a_lost_answer_makes_no_duplicate(worker, tab, one_valkey, proxy):
    line, name = proxy(one_valkey.port), f'lost{time.monotonic_ns()}'
    reader = tab(worker(f'{one_valkey.url}/0?name={name}'))
    with Publisher(f'redis://127.0.0.1:{line.port}/0?name={name}') as p:
        for n in range(6):
            if n % 2: line.swallow = json.dumps(f'mark {n}').encode()
            p.publish('note', {'n': n, 'text': f'mark {n}'})
    assert line.swallowed == 3
    until(lambda: len(reader.data()) >= 6, 'all events')
    assert reader.data() == list(range(6))
