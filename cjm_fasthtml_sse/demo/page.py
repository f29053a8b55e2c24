"The elements of the demo, as functions of its state"
import json
from pathlib import Path

from fasthtml.common import (FT, H1, H2, A, Article, Button, Dd, Div, Dl, Dt, Fieldset, Footer, Form, Header, Input,
                             Label, Li, Link, Main, Output, P, Progress, Span, Style, Title, Ul)
from fasthtml.pico import picolink

from cjm_fasthtml_sse import connection_indicator, create_sse_element, sse_headers

from .state import MAX_JOBS, STEPS

MAX_TEXT = 80
NUMBERS = dict(tabs='Tabs connected', browsers='Browsers', events='Events', resets='Resets')
ICON = ('data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="%230172ad">'
        '<rect x="2" y="9" width="20" height="20" rx="5" opacity=".5"/>'
        '<rect x="10" y="3" width="20" height="20" rx="5"/></svg>')


def packages(folder: Path, htmx: int) -> dict[str, str]:
    "Return the URLs of the packages in `folder`, which may contain several versions of htmx under different names"
    urls = {}
    for file in sorted(folder.glob('*/package.json')) + [*folder.glob('@picocss/pico/package.json')]:
        about = json.loads(file.read_text('utf-8'))
        if about['name'] == 'htmx.org' and not about['version'].startswith(f'{htmx}.'): continue
        urls[about['name']] = f'/npm/{file.parent.relative_to(folder)}'
    return urls


def head(htmx: int, local: dict[str, str] | None) -> list: # `local` has URLs of packages; None: the CDN
    "Make the elements for the head of the page; raise `ValueError` or `KeyError` if `local` lacks a package"
    if local is None: pico = picolink
    else: pico = [Link(rel='stylesheet', href=f'{local["@picocss/pico"]}/css/pico.min.css')]
    css = Path(__file__).with_name('page.css').read_text('utf-8')
    return [*pico, *sse_headers(htmx, local=local), Link(rel='icon', href=ICON), Style(css)]


def whole(*regions: FT) -> tuple:
    counter, todos, jobs, numbers = regions
    again = A('a second tab', href='/', target='_blank')
    wave = Button('Wave to the others', hx_post='/wave', hx_swap='none', cls='outline')
    top = Header(H1('All tabs in sync'), connection_indicator(id='state'),
                 P('Open it in ', again, '. Both tabs show the same.'), wave)
    waves = create_sse_element('/sse/broadcast', 'waves', 'innerHTML', refresh='/waves', role='status')
    more = Button('Add one', hx_post='/increment', hx_swap='none', hx_sync='this:queue all')
    start = Button('Start a job', hx_post='/jobs', hx_swap='none', cls='outline')
    return Title('All tabs in sync'), Main(top,
        card('Counter', 'One number for all tabs.', counter, more, cls='counter'),
        card('To do', 'Add an item in one tab, see it in all.', todo_form(), todos, cls='todos'),
        card('Jobs', 'Each bar moves in all tabs.', jobs, Footer(start), cls='jobs'),
        numbers, waves, cls='container')


def card(title: str, note: str, *content, cls: str) -> FT: return Article(Header(H2(title), P(note)), *content, cls=cls)


def counter(count: int) -> FT: # A new number is a new element, and is animated
    return Output(Span(count, id=f'count-{count}'), id='counter', aria_label='Counter')


def todos(texts: dict[int, str]) -> FT: return Ul(*(todo(number, text) for number, text in texts.items()), id='todos')


def todo(number: int, text: str) -> FT:
    done = Button('✓', hx_delete=f'/todos/{number}', hx_swap='none', aria_label=f'Done: {text}', cls='outline')
    return Li(done, Span(text), id=f'todo-{number}')


def todo_form(autofocus: bool = False) -> FT:
    text = Input(name='text', placeholder='What is next?', aria_label='To do', required=True, maxlength=MAX_TEXT,
                 autocomplete='off', autofocus=autofocus)
    return Form(Fieldset(text, Button('Add'), role='group'), hx_post='/todos', hx_swap='outerHTML')


def jobs(found: list[tuple[int, int, float]], finished: int) -> FT:
    running = sum(step < STEPS for _, step, _ in found)
    tally = f'{running} running{" (the maximum)" if running == MAX_JOBS else ""}, {finished} finished'
    return Div(*(job(number, step) for number, step, _ in found), P(tally, id='tally', role='status'), id='jobs')


def job(number: int, step: int) -> FT:
    label = 'Done' if step == STEPS else f'{100 * step // STEPS} %'
    stop = Button('✕', hx_delete=f'/jobs/{number}', hx_swap='none', aria_label=f'Stop job {number}', cls='outline',
                  disabled=step == STEPS)
    bar = Label(Span(f'Job {number}'), Span(label), Progress(value=step, max=STEPS))
    return Div(bar, stop, id=f'job-{number}')


def numbers(**values: int) -> FT:
    return Dl(*(Div(Dt(name), Dd(values[key]), id=f'number-{key}') for key, name in NUMBERS.items()), id='numbers')


def wave(kind: str, data: dict) -> FT: return P('Another tab waves.') # The element of an event
