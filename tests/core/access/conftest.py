"Two nodes on each kind of backplane, shared by the tests of a module and reset for each test"
import itertools
import resource

import pytest
from backplanes.conftest import ENGINES, one_valkey  # noqa: F401 - a fixture

from .nodes import Node, until, until_closed

_numbers = itertools.count()


@pytest.fixture(scope='session', autouse=True)
def many_files():
    "Allow thousands of sockets in one test"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope='module')
def store(request, tmp_path_factory):
    "Return the URL of an empty store for a kind of backplane"
    def make(kind):
        name = f'access{next(_numbers)}'
        if kind == 'memory': return f'memory://{name}'
        if kind == 'sqlite': return f'sqlite:///{tmp_path_factory.mktemp("store")}/{name}.db'
        return f'{request.getfixturevalue("one_valkey").url}/0?name={name}'
    return make


@pytest.fixture
def node():
    "Start nodes for one test: `node(manager=dict(…), authorize=…)`"
    started = []
    def start(**settings):
        started.append(Node(**settings))
        return started[-1]
    yield start
    for each in started: each.stop()


class Rights:
    "Topics by user, as the application of the shared nodes grants them; a test may change them"
    def __init__(self): self.granted, self.requests = {}, []

    async def __call__(self, auth, topics):
        self.requests.append((auth, topics))
        return [*(t for t in topics if t.startswith('open/')), *self.granted.get(auth, ())]


@pytest.fixture(scope='module', params=ENGINES)
def both(request, store):
    "Two nodes on one backplane, with the same rights"
    url, rights = store(request.param), Rights()
    nodes = [Node(manager=dict(backplane=url, report_interval=0.5), authorize=rights) for _ in range(2)]
    for each in nodes:
        each.rights = rights
        each.do(each.manager.ready)
    until(lambda: all(len(each.manager.cluster.nodes()) == 2 for each in nodes), 'the nodes to know of each other')
    yield nodes
    for each in nodes: each.stop()


@pytest.fixture
def two(both):
    "The two nodes, without connections and without rights"
    until_closed(*both)
    both[0].rights.__init__()
    yield both
    until_closed(*both)
