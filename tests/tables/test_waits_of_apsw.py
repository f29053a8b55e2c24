"How a connection of apsw waits, while another thread of the process writes"
import threading
import time

import apsw
import pytest


@pytest.fixture
def own(tmp_path):
    "A connection of the application, and another thread that has the file for a moment"
    path = str(tmp_path/'app.db')
    theirs, own = apsw.Connection(path), apsw.Connection(path)
    theirs.execute('PRAGMA journal_mode = WAL').fetchall()
    theirs.execute('CREATE TABLE card(text)')
    own.set_busy_timeout(2000)  # ms
    has_begun = threading.Event()
    def write():
        theirs.execute('BEGIN IMMEDIATE')
        has_begun.set()
        time.sleep(.05)  # it is written meanwhile
        theirs.execute('COMMIT')
    thread = threading.Thread(target=write)
    thread.start()
    has_begun.wait()
    yield own
    thread.join()
    theirs.close()
    own.close()


def test_a_transaction_that_is_begun_by_a_statement_waits_for_a_thread_of_the_process(own):
    own.execute('BEGIN IMMEDIATE')
    own.execute("INSERT INTO card VALUES ('a')")
    own.execute('COMMIT')
    assert own.execute('SELECT count(*) FROM card').fetchall() == [(1,)]


def test_a_block_of_a_connection_stops_the_thread_that_it_waits_for(own):
    "If this passes no more, the page about databases need not advise against it"
    own.transaction_mode = 'IMMEDIATE'
    with pytest.raises(apsw.BusyError), own: own.execute("INSERT INTO card VALUES ('a')")
