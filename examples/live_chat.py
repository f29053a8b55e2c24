"""A chat on live tables: rooms with presence, "is typing …", and a host who can remove people.

    python examples/live_chat.py    # then open http://localhost:5001 in two browsers, and sign in as ana and as ben

The user who opens a room is its host. The lines that end in `# live` make the pages live. The variable `LIVE_CHAT_DB`
names another file for the database. The page about databases explains live tables:
https://cj-mills.github.io/cjm-fasthtml-sse/explains/databases.html
"""

import os, time
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote
from fasthtml.common import *
from fastlite import NotFoundError, database
from cjm_fasthtml_sse import Live  # live

SHOWN, TYPING = 100, 4 # Messages of a room; seconds after the last key

class Room:
    id: int
    name: str
    host: str

class Message:
    id: int
    room: int
    who: str
    text: str
    at: float # Seconds as of `time.time()`

class Typing:
    room: int
    who: str
    until: float # Seconds as of `time.time()`

class Removed:
    room: int
    who: str

db = database(os.environ.get('LIVE_CHAT_DB', 'live_chat.db'))
db.conn.set_busy_timeout(5000) # Milliseconds to wait for another program
rooms, messages = db.create(Room, pk='id'), db.create(Message, pk='id')
typing, removed = (db.create(each, pk=['room', 'who']) for each in (Typing, Removed))
db.execute('CREATE INDEX IF NOT EXISTS message_room ON message(room, id)')

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
    .bar { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; margin-bottom: 1rem }
    .bar h1 { margin: 0; overflow-wrap: anywhere }
    .room { display: grid; gap: 1rem; grid-template-columns: 1fr 13rem; align-items: start }
    .end { height: max(14rem, 100dvh - 15rem); overflow-y: auto; display: flex; flex-direction: column-reverse;
        border: 1px solid var(--pico-muted-border-color); border-radius: .75rem; margin-bottom: .25rem }
    #talk { margin: 0; padding: 1rem; display: grid; gap: .5rem; justify-items: start }
    #talk li { list-style: none; margin: 0; padding: .375rem .75rem; border-radius: .75rem; max-width: 85%;
        overflow-wrap: anywhere; background: color-mix(in srgb, var(--pico-muted-border-color) 60%, transparent) }
    #talk li.mine { justify-self: end; color: var(--pico-primary-inverse); background: var(--pico-primary-background) }
    #talk small { display: block; opacity: .85 }
    #rooms { padding: 0 }
    #rooms li { list-style: none; padding: .5rem 0; margin: 0; border-bottom: 1px solid var(--pico-muted-border-color) }
    #people { margin: 0; padding: 0 }
    #people li { list-style: none; margin: 0; padding: .25rem 0; display: flex; justify-content: space-between;
        align-items: center; gap: .5rem; overflow-wrap: anywhere }
    #people button { width: auto; margin: 0; padding: .25rem .5rem; font-size: .8rem }
    #typing { display: block; min-height: 1.5rem; margin-bottom: .25rem; color: var(--pico-muted-color) }
    .out { padding: 1rem; text-align: center }
    @media (max-width: 640px) {
        .room { grid-template-columns: 1fr } .room aside { order: -1 }
        .end { height: max(14rem, 100dvh - 19rem) }
        #people { display: flex; flex-wrap: wrap; gap: 0 1rem } #people li:first-child { flex-basis: 100% } }""")

def who_is_it(req, sess):
    auth = req.scope['auth'] = sess.get('auth')
    if auth is None and req.url.path.startswith('/rooms'): return Redirect('/')

def missing(req, exc): return Response('There is no such room', status_code=404)

key, errors = os.environ.get('SECRET_KEY'), {NotFoundError: missing}
app, rt = fast_app(hdrs=[css], before=who_is_it, secret_key=key, exception_handlers=errors)
live = Live(app, db)  # live

def is_removed(room, who): return [room, who] in removed
def is_host(room, who): return rooms[room].host == who

# Each of these shows its room to one user, and stops for a user who was removed.

@live.region(messages, removed)  # live
def talk(room: int, auth):
    if is_removed(room, auth): return live.Gone(P('The host has removed you from this room', cls='out'))  # live
    newest = messages(where='room = ?', where_args=[room], order_by='id DESC', limit=SHOWN)
    def line(each):
        about = Small(each.who, ' ', Time(f'{datetime.fromtimestamp(each.at):%H:%M}'))
        return Li(about, each.text, id=f'line-{each.id}', cls='mine' if each.who == auth else 'theirs')
    return Ul(*map(line, reversed(newest)), id='talk')

@live.region(removed, live.presence('room/{room}'))  # live
def people(room: int, auth, presence):
    if is_removed(room, auth): return live.Gone()  # live
    out = [each.who for each in removed(where='room = ?', where_args=[room], order_by='who')]
    def act(name, to, who): return Button(name, hx_post=f'/rooms/{room}/{to}', hx_vals=dict(who=who), hx_swap='none',
                                          cls='outline secondary', aria_label=f'{name} {who}')
    def person(who):
        button = act('Remove', 'remove', who) if is_mine and who != auth else None
        return Li(who, button, id=f'in-{quote(who)}')
    def gone(who): return Li(Del(who), act('Let in', 'admit', who), id=f'out-{quote(who)}')
    here, is_mine = sorted({*presence.users} - {*out}), is_host(room, auth)
    count = Li(B(f'{len(here)} here'), id='here')
    return Ul(count, *map(person, here), *map(gone, out if is_mine else []), id='people')

@live.region(typing, removed)  # live
def composer(room: int, auth):
    if is_removed(room, auth): return live.Gone()  # live
    now = time.time()
    found = typing(where='room = ? AND who != ? AND until > ?', where_args=[room, auth, now], order_by='who')
    if found: live.until(min(each.until for each in found))  # live
    names = ' and '.join(each.who for each in found)
    about = f'{names} {"are" if len(found) > 1 else "is"} typing …' if found else ''
    text = Input(name='text', id='text', placeholder='Message', aria_label='Message', required=True, maxlength=2000,
                 autocomplete='off', hx_post=f'/rooms/{room}/typing', hx_trigger='input throttle:1s', hx_swap='none')
    form = Form(Fieldset(text, Button('Send'), role='group'), hx_post=f'/rooms/{room}', hx_swap='none',
                hx_on__after_request='event.target == this && this.reset()')
    return Div(Small(about, id='typing'), form, id='composer')

@live.rows(rooms, order_by='name', empty=Li('No room yet: open the first one'))  # live
def room(row): return Li(A(row.name, href=f'/rooms/{row.id}'), Small(f' by {row.host}'))

# All handlers run on the loop, one at a time, because they share a connection.

@rt('/')
async def index():
    name = Input(name='name', placeholder='Your name', aria_label='Your name', required=True, maxlength=40)
    return Titled('Chat', Form(Fieldset(name, Button('Come in'), role='group'), action='/sign-in', method='post'))

@app.post('/sign-in')
async def sign_in(name: str, sess):
    "Believe the name; a real sign-in also checks a password"
    sess['auth'] = name.strip()[:40] or 'anonymous'
    return Redirect('/rooms')

def heading(title, *links): return Title(title), Div(H1(title), Nav(*links), cls='bar')

@rt('/rooms')
async def lobby(auth):
    name = Input(name='name', placeholder='A new room', aria_label='A new room', required=True, maxlength=40)
    form = Form(Fieldset(name, Button('Open'), role='group'), action='/open', method='post')
    title, bar = heading('Rooms', A('Sign out', href='/sign-out'))
    return title, Main(bar, P('You are ', B(auth)), form, Ul(room(), id='rooms'), cls='container')

@app.post('/open')
async def open_room(name: str, auth):
    if auth is None: return Redirect('/')
    return Redirect(f'/rooms/{rooms.insert(name=name.strip()[:40] or "Room", host=auth).id}')

@rt('/sign-out')
async def sign_out(sess):
    sess.clear()
    return Redirect('/')

@app.get('/rooms/{id}')
async def enter(id: int):
    title, bar = heading(rooms[id].name, A('All rooms', href='/rooms'))
    text = Div(Div(talk(id), cls='end'), composer(id))
    return title, Main(bar, Div(text, Aside(people(id)), cls='room'), cls='container')

def refusal(): return Response('This room is not open to you', status_code=403)

@app.post('/rooms/{id}')
async def say(id: int, text: str, auth):
    if is_removed(id, auth): return refusal()
    with transaction():
        messages.insert(room=rooms[id].id, who=auth, text=text[:2000], at=time.time())
        db.execute('DELETE FROM typing WHERE room = ? AND who = ?', [id, auth])

@app.post('/rooms/{id}/typing')
async def note_typing(id: int, text: str, auth):
    if is_removed(id, auth): return refusal()
    until = time.time() + TYPING if text else 0
    typing.insert(room=rooms[id].id, who=auth, until=until, replace=True)

@app.post('/rooms/{id}/remove')
async def remove(id: int, who: str, auth):
    if not is_host(id, auth) or who == auth: return refusal()
    with transaction():
        removed.insert(room=id, who=who, replace=True)
        db.execute('DELETE FROM typing WHERE room = ? AND who = ?', [id, who])

@app.post('/rooms/{id}/admit')
async def admit(id: int, who: str, auth):
    if not is_host(id, auth): return refusal()
    db.execute('DELETE FROM removed WHERE room = ? AND who = ?', [id, who])

serve()
