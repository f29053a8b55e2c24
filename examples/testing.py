"""The tutorial on tests: a board of cards, which tests open in several tabs.

    python examples/testing.py    # then open http://localhost:5001 in two tabs

Its tests are in `examples/tests/test_testing.py`.
Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/testing.html
"""

import sqlite3
from contextlib import closing
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

def sql(statement, *values):
    file = sqlite3.connect('board.db', isolation_level=None)
    with closing(file) as db: return db.execute(statement, values).fetchall()

sql('CREATE TABLE IF NOT EXISTS cards (number INTEGER PRIMARY KEY, title)')

app, rt = fast_app(hdrs=sse_headers())
manager = BroadcastManager()

def card(number, title):
    done = Button('Done', hx_post=f'/done/{number}', hx_swap='none', cls='outline')
    return Article(done, ' ', Span(title), id=f'card-{number}')

def show(kind, data):
    if kind == 'added': return card(**data)
    return Article(id=f"card-{data['number']}", hx_swap_oob='delete')

setup_broadcast_routes(app, manager, element_builder=show)

@app.post
async def add(title: str):
    if not title: return Response('A card needs a title', status_code=400)
    [(number,)] = sql('INSERT INTO cards (title) VALUES (?) RETURNING number', title)
    await manager.broadcast('added', dict(number=number, title=title))

@app.post('/done/{number}')
async def done(number: int):
    sql('DELETE FROM cards WHERE number = ?', number)
    await manager.broadcast('done', dict(number=number))

@rt('/todo')
async def todo(): return [card(*each) for each in sql('SELECT * FROM cards')]

@rt
async def index():
    options = dict(cursor=manager.cursor(), refresh='/todo')
    todo_list = create_sse_element('/sse/broadcast', 'todo', 'beforeend', **options)
    field = Input(name='title', placeholder='What is next?')
    form = Form(field, hx_post=add, hx_swap='none', id='new')
    return Titled('Board', form, todo_list(*await todo()))

serve()
