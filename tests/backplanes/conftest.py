"Engines that these tests start, break and stop; without valkey-server, the tests that need it are skipped"
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .machines import SERVER, Proxy, Tab, Valkey, Worker, until

NO_VALKEY = 'valkey-server is not installed (apt-get install valkey-server): the tests on Redis and Valkey are skipped'
ENGINES = ['memory', 'sqlite', 'redis', pytest.param('apsw', marks=pytest.mark.long)]  # The last: SQLite by apsw


@pytest.fixture
def valkey(tmp_path):
    "Start engines: `valkey(appendfsync='no')`; they stop after the test"
    if not SERVER: pytest.skip(NO_VALKEY)
    started = []
    def start(**options):
        started.append(Valkey(tmp_path/f'valkey{len(started)}', **options))
        return started[-1]
    yield start
    for engine in started: engine.kill()


@pytest.fixture(scope='session')
def one_valkey(tmp_path_factory):
    "An engine that no test breaks, for all tests"
    if not SERVER: pytest.skip(NO_VALKEY)
    engine = Valkey(tmp_path_factory.mktemp('valkey'), appendfsync='no')
    yield engine
    engine.stop()


_numbers = itertools.count()


@pytest.fixture
def engine_url(request, tmp_path):
    "Make URLs of empty stores on an engine of that kind: `engine_url('sqlite')`"
    def make(kind):
        number = next(_numbers)
        if kind == 'memory': return f'memory://store{number}'
        if kind in ('sqlite', 'apsw'):
            return f'sqlite:///{tmp_path}/events{number}.db' + ('?library=apsw' if kind == 'apsw' else '')
        return f'{request.getfixturevalue("one_valkey").url}/0?name=store{number}'
    return make


@pytest.fixture(params=ENGINES)
def backplane_url(request, engine_url):
    "The URL of an empty store, on each kind of engine"
    return engine_url(request.param)


@pytest.fixture(params=ENGINES[1:])
def shared_url(request, engine_url):
    "The URL of an empty store on each engine that several processes can share"
    return engine_url(request.param)


@pytest.fixture
def proxy():
    "Make proxies that a test can break: `proxy(valkey.port)`"
    started = []
    def start(port):
        started.append(Proxy(port))
        return started[-1]
    yield start
    for one in started: one.close()


@pytest.fixture
def worker(tmp_path):
    "Start workers on a backplane: `worker(url, manager=dict(buffer=True), skew=3600)`"
    started = []
    def start(url, **config):
        started.append(one := Worker(tmp_path, backplane=url, **config))
        until(one.is_open, 'the worker to open its engine')
        return one
    yield start
    for one in started: one.kill()


@pytest.fixture
def workers(worker):
    "Start several workers at the same time: `workers(url, url, manager=dict(buffer=True))`"
    def start(*urls, **config):
        with ThreadPoolExecutor(len(urls)) as pool: return list(pool.map(lambda url: worker(url, **config), urls))
    return start


@pytest.fixture
def tab():
    "Open tabs: `tab(lambda: [worker])`"
    opened = []
    def start(workers, *args, **kwargs):
        opened.append(Tab(workers if callable(workers) else lambda: [workers], *args, **kwargs))
        return opened[-1]
    yield start
    for one in opened: one.leave()


@pytest.fixture
def load():
    "Load a worker, wait, and return the events by outcome: `load(worker, 'a', 100, 4)`"
    def begin(worker, tag, rate, seconds, meanwhile=lambda: None, waits=60):
        worker.ask('/begin', what='load', tag=tag, rate=rate, n=int(rate * seconds))
        start = time.monotonic()
        meanwhile()
        until(lambda: time.monotonic() - start > seconds and worker.ask('/done')[0], 'the load to be over', waits)
        return {what: [n for n, outcome, _ in worker.ask('/done')[1] if outcome == what and n[0] == tag]
            for what in ('sent', 'failed', 'doubtful')}
    return begin
