"""The chat tutorial: rooms with sign-in, presence and authorization.

    python examples/chat.py    # then open http://localhost:5001 in two browsers, and sign in as ana and as ben

Start four workers that share their events, on Linux or macOS:

    SSE_BACKPLANE=sqlite:///events.db SECRET_KEY=secret uvicorn chat:app --app-dir examples --workers 4

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/chat.html
"""

import os, sqlite3
from contextlib import closing
from fasthtml.common import *
from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

def sql(statement, *values):
    file = sqlite3.connect('chat.db', isolation_level=None)
    with closing(file) as db: return db.execute(statement, values).fetchall()

tables = 'members (topic, who, UNIQUE (topic, who))', 'lines (topic, who, text)'
for table in tables: sql(f'CREATE TABLE IF NOT EXISTS {table}')

lounge = [('room/lounge', who) for who in ('ana', 'ben', 'cem')]
kitchen = [('room/kitchen', who) for who in ('ana', 'ben')]
ADD = 'INSERT OR IGNORE INTO members VALUES (?, ?)'
if not sql('SELECT * FROM members'):
    for each in lounge + kitchen: sql(ADD, *each)

MEMBER = 'SELECT * FROM members WHERE topic = ? AND who = ?'

def is_member(who, topic): return bool(sql(MEMBER, topic, who))

def who_is_it(req, sess): req.scope['auth'] = sess.get('auth')

key = os.environ.get('SECRET_KEY')
app, rt = fast_app(hdrs=sse_headers(), before=who_is_it, secret_key=key)

@rt('/')
def index():
    form = Form(Input(name='name'), Button('Come in'), action='/sign-in')
    return Titled('Who are you?', form)

@rt('/sign-in')
def sign_in(name: str, sess):
    sess['auth'] = name
    return RedirectResponse('/room/lounge', status_code=303)

def show(type, data):
    if type == 'line': return P(B(data['who']), ' ', data['text'])
    if type == 'join': return P(Em(data['user'], ' has come'), cls='came')
    if type == 'leave': return P(Em(data['user'], ' has gone'), cls='went')
    if type == 'presence':
        count = f"{data['users']} here"
        return Small(count, id='people', hx_swap_oob='true')

manager = BroadcastManager(backplane=os.environ.get('SSE_BACKPLANE'))
manager.announce_presence('room/*', down_period=1, interval=0.2)

def may_read(auth, topics): return [topic for topic in topics if is_member(auth, topic)]

policy = AccessPolicy(authorize=may_read)
setup_broadcast_routes(app, manager, element_builder=show, policy=policy)

NEWEST = 'SELECT who, text FROM lines WHERE topic = ? ORDER BY rowid DESC LIMIT 50'

def earlier(topic):
    rows = reversed(sql(NEWEST, topic))
    return [show('line', dict(who=who, text=text)) for who, text in rows]

def refusal(): return Response('This room is not yours', status_code=403)

@rt('/room/{room}')
def get(room: str, auth):
    topic = f'room/{room}'
    if not is_member(auth, topic): return refusal()
    options = dict(topics=[topic], cursor=manager.cursor())
    lines = create_sse_element('/sse/broadcast', 'lines', 'beforeend', **options)
    field = Input(name='text', id='text')
    form = Form(field, Button('Say'), hx_post=f'/{topic}', hx_swap='none')
    return Titled(room, Small(id='people'), lines(*earlier(topic)), form)

@rt('/room/{room}')
async def post(room: str, text: str, auth):
    topic = f'room/{room}'
    if not is_member(auth, topic): return refusal()
    sql('INSERT INTO lines VALUES (?, ?, ?)', topic, auth, text)
    await manager.broadcast('line', dict(who=auth, text=text), topic=topic)

serve()
