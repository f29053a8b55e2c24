"""The chat tutorial: rooms with sign-in, presence and authorization.

    python examples/chat.py    # then open http://localhost:5001 in two browsers, and sign in as ana and as ben

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/chat.html
"""

from collections import defaultdict, deque
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse import AccessPolicy

members = {'room/lounge': {'ana', 'ben', 'cem'}, 'room/kitchen': {'ana', 'ben'}}

def may_enter(who, room): return who in members.get(f'room/{room}', ())

def who_is_it(req, sess): req.scope['auth'] = sess.get('auth')

app, rt = fast_app(hdrs=sse_headers(), before=who_is_it)

@rt('/')
def index(): return Titled('Who are you?', Form(Input(name='name'), Button('Come in'), action='/sign-in'))

@rt('/sign-in')
def sign_in(name: str, sess):
    sess['auth'] = name
    return RedirectResponse('/room/lounge', status_code=303)

def show(type, data):
    if type == 'line': return Li(B(data['who']), ' ', data['text'])
    if type == 'join': return Li(Em(data['user'], ' has come'), cls='came')
    if type == 'leave': return Li(Em(data['user'], ' has gone'), cls='went')
    if type == 'presence': return Small(f"{data['users']} here", id='people', hx_swap_oob='true')

manager = BroadcastManager()
manager.announce_presence('room/*', down_period=1, interval=0.2)
def may_read(auth, topics): return [topic for topic in topics if auth in members.get(topic, ())]

setup_broadcast_routes(app, manager, element_builder=show, policy=AccessPolicy(authorize=may_read))

said = defaultdict(lambda: deque(maxlen=50))

@rt('/room/{room}')
def get(room: str, auth):
    if not may_enter(auth, room): return Response('This room is not yours', status_code=403)
    lines = create_sse_element('/sse/broadcast', 'lines', 'beforeend', topics=[f'room/{room}'], cursor=manager.cursor())
    form = Form(Input(name='text', id='text'), Button('Say'), hx_post=f'/room/{room}', hx_swap='none')
    return Titled(room, Small(id='people'), lines(*said[room]), form)

@rt('/room/{room}')
async def post(room: str, text: str, auth):
    if not may_enter(auth, room): return Response('This room is not yours', status_code=403)
    said[room].append(show('line', line := dict(who=auth, text=text)))
    await manager.broadcast('line', line, topic=f'room/{room}')

serve()
