"""The tutorial on forms, focus and lists: a list that several people edit at the same time.

    python examples/forms_focus_lists.py    # then open http://localhost:5001 as ana, and as ben in another browser

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/forms_focus_lists.html
"""

import time
from itertools import count
from fasthtml.common import *
from cjm_fasthtml_sse import Live

members, numbers = {'ana', 'ben', 'cem'}, count(1)

def thing(text): return dict(text=text, packed=False, at=time.time())

things = {next(numbers): thing(text) for text in ('Tent', 'Stove', 'Map')}

def who_is_it(req, sess):
    auth = req.scope['auth'] = sess.get('auth')
    is_trip = req.url.path.startswith('/trip')
    if is_trip and auth not in members: return Redirect('/')

look = Style('''
    body { font: 16px system-ui; max-width: 26rem; margin: 1rem auto }
    ul { padding: 0 }
    li { display: flex; gap: .5rem; padding: .25rem; list-style: none }
    li[hidden] { display: none }
    li.new { background: #e6f4ea }
    input { font: inherit; flex: 1; min-width: 0 }
    input[type=checkbox] { flex: none }
    input[data-sse-conflict] { outline: 2px solid #d93526 }
    form { display: flex; gap: .5rem }''')
note = Script('''
    document.addEventListener('sse:conflict', ({detail}) => {
        const text = `The list has "${detail.server}". Escape takes it.`
        document.querySelector('#notice').textContent = text
    })
    document.addEventListener('keydown', ({key, target}) => {
        if (key !== 'Escape' || !target.dataset.sseConflict) return
        target.value = target.dataset.sseConflict
        target.dispatchEvent(new Event('input', {bubbles: true}))
        document.querySelector('#notice').textContent = ''
    })''')

hdrs = look, note
app, rt = fast_app(before=who_is_it, hdrs=hdrs, pico=False, surreal=False)
live = Live(app)

NEW = 5 # Seconds
HIDE = "this.closest('li').hidden = true"

def row(id, each):
    def to(act): return dict(hx_post=f'/trip/{id}/{act}', hx_swap='none')
    name = dict(name='text', aria_label='Thing', hx_trigger='change')
    text = Input(value=each['text'], **name, **to('rename'))
    box = dict(type='checkbox', name='packed', aria_label='Packed')
    packed = Input(checked=each['packed'], **box, **to('pack'))
    remove = Button('Remove', hx_on_click=HIDE, **to('remove'))
    is_new = time.time() < each['at'] + NEW
    return Li(packed, text, remove, id=f'thing-{id}', cls='new' if is_new else '')

@live.region('things', 'members')
def packing(auth):
    if auth not in members: return live.Gone(P('You are no longer a member.'))
    ends = [each['at'] + NEW for each in things.values()]
    ahead = [end for end in ends if end > time.time()]
    if ahead: live.until(min(ahead))
    return Ul(*(row(id, each) for id, each in list(things.items())))

@live.region('members', live.presence('trip'))
def people(auth, presence):
    if auth not in members: return live.Gone()
    return P('Here: ', ', '.join(sorted(presence.users)))

@rt('/')
def index():
    form = Form(Input(name='name'), Button('Sign in'), action='/sign-in')
    return Titled('Who are you?', form)

@rt('/sign-in')
def sign_in(name: str, sess):
    sess['auth'] = name
    return Redirect('/trip')

@rt('/trip')
def trip():
    text = Input(name='text', aria_label='New', required=True)
    after = dict(hx_on__after_request='this.reset()')
    form = Form(text, Button('Add'), hx_post='/trip/add', hx_swap='none', **after)
    return Titled('Packing', people(), form, packing(), Output(id='notice'))

@app.post('/trip/add')
def add(text: str):
    things[next(numbers)] = thing(text)
    live.touch('things')

@app.post('/trip/{id}/rename')
def rename(id: int, text: str):
    things[id]['text'] = text
    live.touch('things')

@app.post('/trip/{id}/pack')
def pack(id: int, packed: bool = False):
    things[id]['packed'] = packed
    live.touch('things')

@app.post('/trip/{id}/remove')
def remove(id: int):
    things.pop(id, None)
    live.touch('things')

serve()
