"""A kanban board on a live table: all tabs show the cards that people add, edit, move and delete.

    python examples/live_kanban.py    # then open http://localhost:5001 in two windows

The lines that end in `# live` make the page live. Another program may write too:

    sqlite3 kanban.db "UPDATE card SET col = 'done'"

The variable `LIVE_KANBAN_DB` names another file for the database. The page about databases explains live tables:
https://cj-mills.github.io/cjm-fasthtml-sse/explains/databases.html
"""

import os
from contextlib import contextmanager
from fasthtml.common import *
from fastlite import NotFoundError, database
from cjm_fasthtml_sse import Live  # live

COLUMNS = dict(todo='To do', doing='Doing', done='Done')
FIRST = dict(todo=['Choose a colour for the door', 'Ask ben about the ladder'], doing=['Paint the fence'],
             done=['Buy brushes'])

class Card:
    id: int
    col: str
    place: int # In its column
    text: str

db = database(os.environ.get('LIVE_KANBAN_DB', 'kanban.db'))
db.conn.set_busy_timeout(5000) # Milliseconds to wait for another program
cards = db.create(Card, pk='id')
if not cards.count:
    for col, texts in FIRST.items():
        for place, text in enumerate(texts): cards.insert(col=col, place=place, text=text)

@contextmanager
def transaction():
    "Statements that all count, or none"
    db.execute('BEGIN IMMEDIATE') # It waits for other writers
    try: yield
    except BaseException:
        db.execute('ROLLBACK')
        raise
    db.execute('COMMIT')

css = Style("""
    #board { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr));
        align-items: start }
    .column { padding: .75rem; border-radius: .75rem; margin: 0;
        background: color-mix(in srgb, var(--pico-muted-border-color) 50%, transparent) }
    .column h2 { font-size: 1rem; margin: 0 .25rem .5rem; display: flex; justify-content: space-between }
    .column h2 small { color: var(--pico-muted-color); font-weight: normal }
    .cards { display: grid; gap: .5rem; padding: 0; margin: 0; min-height: 3rem; align-content: start }
    .card { list-style: none; margin: 0; padding: .5rem; border-radius: .5rem;
        background: var(--pico-card-background-color); border: 1px solid var(--pico-muted-border-color);
        box-shadow: 0 1px 3px #0002; display: grid; grid-template-columns: 1fr auto }
    .card textarea { grid-column: 1 / -1; margin: 0; padding: .25rem .375rem; border-color: transparent; resize: none;
        background: none; field-sizing: content; min-height: 2.25rem; box-shadow: none }
    .card textarea:hover, .card textarea:focus { border-color: var(--pico-form-element-border-color) }
    .card::after { grid-column: 1 / -1; font-size: .8rem; padding: 0 .375rem }
    .grip { cursor: grab; color: var(--pico-muted-color); padding: .25rem .375rem; user-select: none }
    .buttons { display: flex; gap: .125rem }
    .card button { width: 2rem; height: 2rem; padding: 0; margin: 0; border: 0; border-radius: .375rem;
        background: none; color: var(--pico-muted-color) }
    .card button:hover, .card button:focus-visible { color: var(--pico-color);
        background: var(--pico-muted-border-color) }
    #todo .left, #done .right { visibility: hidden }
    .cards.over { outline: 2px dashed var(--pico-primary); outline-offset: .25rem; border-radius: .5rem }
    .card.next { box-shadow: 0 -.375rem 0 -.125rem var(--pico-primary) }
    @media (pointer: coarse) { .grip { visibility: hidden } .card button { width: 2.75rem; height: 2.75rem } }""")

conflict = Style('.card:has([data-sse-conflict])::after { content: "Another person changed this text too" }')  # live

# A card is moved in the page as soon as it is dropped, and the server is asked to do the same.
drag = Script("""
    let dragged, list, next;
    const mark = () => document.querySelectorAll('.over, .next').forEach(each => each.classList.remove('over', 'next'));
    addEventListener('dragstart', event => {
        dragged = event.target.closest?.('.card');
        event.dataTransfer.setDragImage(dragged, 12, dragged.offsetHeight - 12);
        event.dataTransfer.effectAllowed = 'move';
    });
    addEventListener('dragover', event => {
        mark();
        list = dragged && event.target.closest('.column')?.querySelector('.cards');
        if (!list) return;
        event.preventDefault();
        const middle = each => each.getBoundingClientRect().y + each.offsetHeight / 2;
        next = [...list.children].find(each => each !== dragged && event.clientY < middle(each));
        list.classList.add('over');
        next?.classList.add('next');
    });
    addEventListener('drop', event => {
        event.preventDefault();
        if (!dragged?.isConnected || !list) return;
        list.insertBefore(dragged, next?.isConnected ? next : null);
        const values = {col: list.closest('.column').id, before: next?.dataset.id ?? 0};
        htmx.ajax('POST', `/cards/${dragged.dataset.id}/place`, {source: dragged, swap: 'none', values});
    });
    addEventListener('dragend', () => { mark(); dragged = list = next = undefined; });""", type='module')

def missing(req, exc): return Response('This card is no longer there', status_code=404)

app, rt = fast_app(hdrs=(css, conflict, drag), exception_handlers={NotFoundError: missing})
live = Live(app, db)  # live

def in_column(col): return cards(where='col = ?', where_args=[col], order_by='place, id')

def show_card(card):
    url = f'/cards/{card.id}'
    text = Textarea(card.text, name='text', id=f'text-{card.id}', rows=1, maxlength=500, aria_label='Text of the card',
                    hx_post=url, hx_trigger='change', hx_swap='none',
                    onkeydown="if (event.key == 'Enter') { event.preventDefault(); this.blur(); }")
    def button(name, sign, **post):
        return Button(sign, type='button', aria_label=name, title=name, hx_swap='none', **post)
    buttons = (button('Move to the left', '←', cls='left', hx_post=f'{url}/move?by=-1'),
               button('Move to the right', '→', cls='right', hx_post=f'{url}/move?by=1'),
               button('Delete', '✕', hx_delete=url))
    grip = Span('⠿', cls='grip', draggable='true', title='Drag')
    return Li(text, grip, Div(*buttons, cls='buttons'), id=f'card-{card.id}', cls='card', data_id=card.id)

def column(col, title):
    found = in_column(col)
    return Section(H2(title, Small(len(found))), Ul(*map(show_card, found), cls='cards'), id=col, cls='column')

@live.region(cards)  # live
def board(): return Div(*(column(col, title) for col, title in COLUMNS.items()), id='board')

# All handlers run on the loop, one at a time, because they share a connection.

@rt('/')
async def index():
    text = Input(name='text', placeholder='A new card', aria_label='A new card', required=True, maxlength=500)
    form = Form(Fieldset(text, Button('Add'), role='group'), hx_post='/cards', hx_swap='none',
                hx_on__after_request='this.reset()')
    return Titled('Kanban', form, board())

@app.post('/cards')
async def add(text: str): cards.insert(col='todo', place=len(in_column('todo')), text=text)

@app.post('/cards/{id}')
async def edit(id: int, text: str): cards.update(id=id, text=text)

@app.delete('/cards/{id}')
async def delete(id: int): cards.delete(id)

def put(id, col, before=0):
    "Put a card before another one of a column, or at the end"
    ids = [each.id for each in in_column(col) if each.id != id]
    ids.insert(ids.index(before) if before in ids else len(ids), id)
    with transaction():
        for place, each in enumerate(ids): cards.update(id=each, col=col, place=place)

@app.post('/cards/{id}/place')
async def place(id: int, col: str, before: int):
    if col not in COLUMNS: return Response(f'There is no column {col}', status_code=400)
    put(id, col, before)

@app.post('/cards/{id}/move')
async def move(id: int, by: int):
    names = [*COLUMNS]
    to = names.index(cards[id].col) + by
    if 0 <= to < len(names): put(id, names[to])

serve()
