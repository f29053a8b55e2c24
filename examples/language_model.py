"""The language model tutorial: text word by word, with a stop button.

    python examples/language_model.py    # then open http://localhost:5001

`model` is a stand-in. Call your own model there.
Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/language_model.html
"""

import asyncio, logging, re, secrets
from dataclasses import dataclass, field
from fasthtml.common import *
from cjm_fasthtml_sse import OOBStreamBuilder, SSEResponse, SSEStream, create_sse_element, sse_headers

PROVERBS = ['Well begun is half done.',
    'Many hands make light work,\nas long as 1 < 2.', 'A watched pot never boils.']

async def model(question):
    text = ' '.join(PROVERBS * (99 if 'more' in question else 1))
    for piece in re.findall(r'\s*\S+', text):
        await asyncio.sleep(0.02)
        failed = 'trouble' in question and piece == ' Many'
        if failed: raise ConnectionError('overloaded, for key sk-1234')
        yield piece

@dataclass
class Answer:
    text: str = ''
    over: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task | None = None

answers, MOST, log = {}, 1_000, logging.getLogger('answers')

def say(answer, piece, over=False):
    answer.text, answer.over = answer.text + piece, over
    answer.news.set()
    answer.news = asyncio.Event()

async def write(answer, question):
    ending = ''
    try:
        async for piece in model(question): say(answer, piece)
    except asyncio.CancelledError: ending = ' … (stopped)'
    except Exception:
        log.exception('The model failed')
        ending = ' … (the model failed; please ask again)'
    finally: say(answer, ending, over=True)

async def watch(name):
    answer, shown, how = answers[name], 0, 'innerHTML'
    while True:
        news, text, over = answer.news, answer.text[shown:], answer.over
        yield OOBStreamBuilder().add_element(text, f'text-{name}', how).build()
        if over: break
        shown, how = shown + len(text), 'beforeend'
        await news.wait()
    yield OOBStreamBuilder().add_element('', f'stop-{name}', 'delete').build()

app, rt = fast_app(hdrs=sse_headers())

@rt
def index():
    field = Input(name='question', placeholder='Ask something', autocomplete='off')
    form = Form(field, hx_post=ask, hx_target='#talk', hx_swap='beforeend',
        hx_on__after_request='this.reset()')
    return Titled('Proverbs', Div(id='talk'), form)

@app.post
async def ask(question: str):
    if len(answers) >= MOST: answers.pop(next(iter(answers))).task.cancel()
    name, answer = secrets.token_urlsafe(9), Answer()
    answers[name] = answer
    answer.task = asyncio.create_task(write(answer, question))
    look = dict(id=f'stop-{name}', cls='outline')
    stop = Button('Stop', hx_post=f'/stop/{name}', hx_swap='none', **look)
    text = Article(P(id=f'text-{name}', style='white-space: pre-wrap'), stop)
    stream = create_sse_element(f'/answers/{name}', swap_strategy='none')
    return P(Strong(question)), text, stream

@app.get('/answers/{name}')
async def read(name: str):
    source = watch(name) if name in answers else []
    return SSEResponse(SSEStream().stream(source))

@app.post('/stop/{name}')
async def stop(name: str):
    if name in answers: answers[name].task.cancel()

serve()
