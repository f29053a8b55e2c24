"""The tutorial on a list from a database: a shopping list that follows its table, also while another program writes.

    python examples/list_from_a_database.py    # then open http://localhost:5001 in two windows

    sqlite3 shopping.db "INSERT INTO item (text, place) VALUES ('salt', 0)"

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/list_from_a_database.html
"""

from fasthtml.common import *
from fastlite import database
from cjm_fasthtml_sse import Live

class Item:
    id: int
    text: str
    place: int

db = database('shopping.db')
db.conn.set_busy_timeout(5000)
items = db.create(Item, pk='id')

css = Style("""
    #items { padding: 0 } #items li { list-style: none; margin: 0 }
    #items button { flex: none; width: 3rem; padding: 0 }""")
app, rt = fast_app(hdrs=[css])
live = Live(app, db)

@live.rows(items, order_by='place, id', empty=Li('Nothing to buy'))
def item(row):
    url, stay = f'/items/{row.id}', dict(hx_swap='none')
    edit = dict(hx_post=url, hx_trigger='change', **stay)
    text = Input(name='text', value=row.text, aria_label='Item', **edit)
    first = Button('↑', hx_post=f'{url}/first', aria_label='To the top', **stay)
    delete = Button('✕', hx_delete=url, aria_label='Delete', **stay)
    return Li(Fieldset(text, first, delete, role='group'))

@rt('/')
async def index():
    text = Input(name='text', placeholder='Buy …', required=True)
    fields = Fieldset(text, Button('Add'), role='group')
    send = dict(hx_post='/items', hx_swap='none', hx_on__after_request='this.reset()')
    return Titled('Shopping', Form(fields, **send), Ul(item(), id='items'))

@app.post('/items')
async def add(text: str): items.insert(text=text, place=0)

@app.post('/items/{id}')
async def edit(id: int, text: str): items.update(id=id, text=text)

@app.delete('/items/{id}')
async def delete(id: int): items.delete(id)

FIRST = 'UPDATE item SET place = (SELECT min(place) - 1 FROM item) WHERE id = ?'

@app.post('/items/{id}/first')
async def first(id: int): db.execute(FIRST, [id])

serve()
