"Arguments of rows: what a call may bind, with each library"
import sqlite3
from datetime import date, datetime

import pytest
from fasthtml.common import FastHTML, Li
from fastlite import database

from cjm_fasthtml_sse import Live


class Visit:
    id: int
    day: date
    at: datetime


DAY, AT = date(2026, 2, 3), datetime(2026, 2, 3, 4, 5, 6)


@pytest.fixture(params=['sqlite3', 'fastlite'])
def table(request, tmp_path):
    "A `Live` and its table, which has one visit"
    if request.param == 'fastlite':
        db = database(tmp_path/'app.db')
        visits = db.create(Visit, pk='id')
        visits.insert(day=DAY, at=AT)
        yield Live(FastHTML(secret_key='k'), db), visits
        return db.conn.close()
    con = sqlite3.connect(tmp_path/'app.db', isolation_level=None)
    con.execute('CREATE TABLE visit(id INTEGER PRIMARY KEY, day TEXT, at TEXT)')
    con.execute('INSERT INTO visit(day, at) VALUES (?, ?)', [str(DAY), str(AT)])
    live = Live(FastHTML(secret_key='k'), con)
    yield live, live.table('visit')
    con.close()


@pytest.mark.filterwarnings('ignore:The default date')  # of Python's sqlite3, as of 3.12
@pytest.mark.parametrize('name, value, other', [('day', DAY, date(2026, 2, 4)), ('at', AT, datetime(2026, 2, 3, 4, 5))])
def test_a_date_is_bound_as_the_library_of_the_application_stores_it(table, name, value, other):
    live, visits = table
    @live.rows(visits, where=f'{name} = ?')
    def visit(row): return Li('visited')
    assert 'visited' in str(visit(value)) and 'visited' not in str(visit(other))
