"Applications with logs of their own on one database: the pages of each are told of every commit"
from contextlib import ExitStack

import pytest
from fasthtml.common import P
from tables.follow import connect, elsewhere, run
from until import until

from cjm_fasthtml_sse import BroadcastManager
from .site import Site, served


def make_site(path, backplane):
    site = Site(db=path, library='sqlite3', manager=backplane and BroadcastManager(backplane=f'sqlite:///{backplane}'))
    @site.region(site.live.table('card'), min_interval=0)
    def count():
        (n,), = site.live.connection().execute('SELECT count(*) FROM card').fetchall()
        return P(f'{n} cards')
    return site


@pytest.fixture
def path(tmp_path):
    run(path := tmp_path / 'app.db', 'sqlite3', 'PRAGMA journal_mode = WAL', 'CREATE TABLE card(n)')
    return path


def test_the_pages_of_each_log_are_told(path, tmp_path):
    logs = None, tmp_path / 'other.db', tmp_path / 'other.db', tmp_path / 'third.db'
    with ExitStack() as stack:
        sites = [make_site(path, log) for log in logs]
        stack.enter_context(served(*sites))
        readers = [stack.enter_context(site.looking('/count')) for site in sites]
        for n in range(1, 21):
            elsewhere(path, 'INSERT INTO card VALUES (1)')
            for reader in readers: reader.until_shown(f'{n} cards')


def test_a_log_hears_of_what_another_one_published_while_it_was_away(path, tmp_path):
    logs = None, tmp_path / 'other.db'
    with ExitStack() as stack:
        sites = [make_site(path, log) for log in logs]
        stack.enter_context(served(*sites))
        before, = sites[1].about('/count')
    with served(first := make_site(path, None)), first.looking('/count') as reader:
        elsewhere(path, 'INSERT INTO card VALUES (1)')
        reader.until_shown('1 cards')
        until(lambda: published(path))
    with served(again := make_site(path, logs[1])), again.reader(before['view'], last_event_id=before['at']) as reader:
        until(lambda: reader.touches, 'the open page is told')
        assert '1 cards' in again.fetch(before['view'], at=reader.events[-1][0]).text


def published(path):
    con = connect(path, 'sqlite3')
    try: return con.execute('SELECT changes = published FROM sse_tables').fetchone()[0]
    finally: con.close()
