"The elements of the demo, as functions of its state"
from pathlib import Path

from fasthtml.common import (FT, H1, H2, A, Article, Button, Dd, Div, Dl, Dt, Fieldset, Footer, Form, Header, Input,
                             Label, Li, Link, Main, Output, P, Progress, Small, Span, Style, Title, Ul)

from cjm_fasthtml_sse import connection_indicator, create_connection_manager_script, create_sse_element

from .state import MAX_JOBS

MAX_TEXT = 80
STATS = dict(tabs='Tabs connected', broadcasts='Broadcasts', frames='Frames sent', replays='Tabs caught up')
ICON = ('data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="%230172ad">'
        '<rect x="2" y="9" width="20" height="20" rx="5" opacity=".5"/>'
        '<rect x="10" y="3" width="20" height="20" rx="5"/></svg>')


def _file(name: str) -> str: return Path(__file__).with_name(name).read_text('utf-8')


def head() -> tuple: return Link(rel='icon', href=ICON), Style(_file('page.css'))


def whole(state, cursor: str) -> tuple:
    "Render the page with the current state; its stream continues from `cursor`"
    stream = create_sse_element('/sse/broadcast', 'stream', hidden=True, cursor=cursor, refresh='/now', hx_swap='none')
    numbers = create_connection_manager_script('/sse/status', update_interval=1000)
    parts = top(), counter(state.count), todos(state.todos), jobs(**state.tally()), stats(), stream
    return Title('All tabs in sync'), Main(*parts, numbers, cls='container')


def top() -> FT:
    again = A('a second tab', href='/', target='_blank')
    state = connection_indicator(id='state')
    return Header(H1('All tabs in sync'), state, P('Open it in ', again, '. Both tabs show the same.'))


def card(title: str, note: str, *content, cls: str) -> FT: return Article(Header(H2(title), P(note)), *content, cls=cls)


def counter(count: int) -> FT:
    button = Button('Add one', hx_post='/increment', hx_swap='none', hx_sync='this:queue all')
    return card('Counter', 'One number for all tabs.',
                Output(figure(count), id='counter', aria_label='Counter'), button, cls='counter')


def figure(count: int) -> FT: return Span(count)


def todos(texts: dict[int, str]) -> FT:
    items = Ul(*todo_items(texts), id='todos')
    return card('To do', 'Add an item in one tab, see it in all.', todo_form(), items, cls='todos')


def todo_items(texts: dict[int, str]) -> tuple: return tuple(todo(number, text) for number, text in texts.items())


def todo(number: int, text: str) -> FT:
    done = Button('✓', hx_delete=f'/todos/{number}', hx_swap='none', aria_label=f'Done: {text}', cls='outline')
    return Li(done, Span(text), id=f'todo-{number}')


def todo_form(autofocus: bool = False) -> FT:
    text = Input(name='text', placeholder='What is next?', aria_label='To do', required=True, maxlength=MAX_TEXT,
                 autocomplete='off', autofocus=autofocus)
    return Form(Fieldset(text, Button('Add'), role='group'), hx_post='/todos', hx_swap='outerHTML')


def jobs(running: int, finished: int) -> FT:
    button = Button('Start a job', hx_post='/jobs', hx_target='#job', hx_swap='innerHTML', cls='outline')
    numbers = Small(tally(running, finished), id='tally', role='status')
    return card('Jobs', 'The bar streams to this tab, the numbers to all tabs.',
                Div(P('No job started in this tab.'), id='job'), Footer(button, numbers), cls='jobs')


def job(number: int, steps: int) -> FT:
    return create_sse_element(f'/jobs/{number}', f'job-{number}', 'innerHTML')(bar(number, 0, steps))


def bar(number: int, step: int, steps: int) -> FT:
    label = 'Done' if step == steps else f'{100 * step // steps} %'
    return Label(Span(f'Job {number}'), Span(label), Progress(value=step, max=steps))


def tally(running: int, finished: int) -> str:
    return f'{running} running{" (the maximum)" if running == MAX_JOBS else ""}, {finished} finished'


def stats() -> FT: return Dl(*(Div(Dt(name), Dd('–', data_sse_stats=key)) for key, name in STATS.items()))
