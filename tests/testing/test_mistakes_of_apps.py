"Each mistake of an application fails the verb that meets it, unless the test expects it"
import asyncio
import time
from types import SimpleNamespace

import pytest
from fasthtml.common import Button, Form, Input, P, fast_app

from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers
from cjm_fasthtml_sse.testing import AppError, live


def show(kind, data):
    if kind == 'bad': raise KeyError('colour')
    if kind == 'unshown': return 'no element'
    return P(data['text'])


class Mistakes:
    "What an application does wrong, by the word for it"
    def __init__(self, manager): self.manager = manager
    async def handler(self): return 1 / 0
    def sync_handler(self): return 1 / 0
    async def builder(self): await self.manager.broadcast('bad', {})
    async def task(self):
        async def forgotten(): raise OSError('no disk')
        asyncio.create_task(forgotten())  # noqa: RUF006
        await asyncio.sleep(0)
    async def await_(self): self.manager.broadcast('said', dict(text='hello'))
    async def blocked(self): time.sleep(0.4)  # noqa: ASYNC251
    async def unshown(self): await self.manager.broadcast('other', dict(text='hello'))
    async def nothing(self): await self.manager.broadcast('said', dict(text='hello'))


def make():
    app, rt = fast_app(hdrs=sse_headers())
    manager = BroadcastManager()
    mistakes, flags = Mistakes(manager), SimpleNamespace(breaks_hook=False)
    def authorize(topics):
        if flags.breaks_hook: raise LookupError('no such user')
        return topics
    setup_broadcast_routes(app, manager, element_builder=show, named=True, policy=AccessPolicy(authorize=authorize))

    @rt('/')
    def index():
        options = dict(hx_swap='beforeend', topics=['news'], share=False)
        news = create_sse_element('/sse/broadcast', 'news', 'said,bad', **options)
        form = Form(Input(name='what'), hx_post='/do', hx_swap='none')
        field = Input(name='what', hx_post='/do', hx_swap='none', id='field')
        return news, form, field, *(Button(each, id=each, hx_get=f'/do/{each}', hx_swap='none') for each in KINDS)

    async def do(what):
        found = getattr(mistakes, what, None) or mistakes.await_
        return found() if what == 'sync_handler' else await found()

    @rt('/do/{what}')
    async def do_by_path(what: str): await do(what)

    @rt('/do')
    async def do_by_form(what: str): await do(what)

    @rt('/page/{what}')
    async def page(what: str):
        await do(what)
        return P(what)

    @rt('/sync')
    def sync(): return mistakes.sync_handler()

    @rt('/flags')
    async def set_flags(): flags.breaks_hook = True

    @rt('/later/{what}')
    async def do_later(what: str):
        async def later():
            await asyncio.sleep(10)
            await do(what)
        app.state.task = asyncio.create_task(later())

    return app


# What the application does, a description for `expected`, and words of the report
KINDS = dict(
    handler=(ZeroDivisionError, 'failed: ZeroDivisionError: division by zero'),
    sync_handler=(ZeroDivisionError, 'failed: ZeroDivisionError: division by zero'),
    builder=(KeyError, "did not render an event of type 'bad'"),
    task=(OSError, 'Task exception was never retrieved: OSError: no disk'),
    await_=('await', 'broadcast was called without await, at '),
    blocked=('blocked', 'The loop was blocked for '),
    unshown=('unshown', "received the event 'other' of /sse/broadcast, and no element takes it"),
)
HANDLERS = ('handler', 'sync_handler')
VERBS = dict(
    click=lambda world, tab, kind: tab.click(f'#{kind}'),
    submit=lambda world, tab, kind: tab.submit('form', what=kind),
    fill=lambda world, tab, kind: tab.fill('#field', kind),
    request=lambda world, tab, kind: tab.request('GET', f'/do/{kind}'),
    goto=lambda world, tab, kind: tab.goto(f'/page/{kind}'),
    tab=lambda world, tab, kind: world.tab(f'/page/{kind}'),
    advance=lambda world, tab, kind: (tab.request('GET', f'/later/{kind}'), world.clock.advance(10)),
)
CASES = [(verb, kind) for verb in VERBS for kind in KINDS]
# The handler of a page answers the tab itself; a task of the application has no request whose handler could fail
CASES = [(verb, kind) for verb, kind in CASES if not (verb == 'advance' and kind in HANDLERS)]


@pytest.mark.parametrize('verb, kind', CASES, ids=['-'.join(each) for each in CASES])
def test_a_mistake_fails_the_verb(verb, kind):
    expected, words = KINDS[kind]
    with live(make, block_limit=0.1) as world:
        tab = world.tab()
        other = world.tab()  # It receives what the application broadcasts, also where the tab goes elsewhere
        with pytest.raises(AppError) as failed: VERBS[verb](world, tab, kind)
        assert words in str(failed.value)
        if isinstance(expected, type): assert isinstance(failed.value.__cause__, expected)
        other.request('GET', '/do/nothing')  # It is reported once
        assert other.texts('#news p') == ['hello']


@pytest.mark.parametrize('verb, kind', CASES, ids=['-'.join(each) for each in CASES])
def test_a_mistake_that_is_expected(verb, kind):
    expected, words = KINDS[kind]
    with live(make, block_limit=0.1) as world:
        tab = world.tab()
        other, _ = world.tab(), world.tab()
        with world.expected(expected) as found: VERBS[verb](world, tab, kind)
        assert words in found[0].text
        with world.expected(words) as found: VERBS[verb](world, other, kind)
        assert found


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_expected_and_does_not_happen(kind):
    expected, _ = KINDS[kind]
    with live(make) as world:
        missing = pytest.raises(AssertionError, match='Expected .*, and it did not happen')
        with missing, world.expected(expected): world.tab()


def test_another_mistake_than_the_expected_one():
    with live(make, block_limit=0.1) as world:
        tab = world.tab()
        with pytest.raises(AppError, match='ZeroDivisionError'), world.expected(KeyError): tab.click('#handler')


def test_a_hook_that_fails():
    "In an open stream and in a new one."
    with live(make) as world:
        tab = world.tab()
        tab.request('GET', '/flags')
        with pytest.raises(AppError, match='LookupError: no such user'): world.tab()
        tab.lose_line()
        with world.expected(LookupError): tab.regain_line()
        assert tab.state == 'reconnecting'
        with world.expected(LookupError): world.clock.advance(30)


def test_a_sync_handler_in_a_thread():
    with live(make) as world:
        tab = world.tab()
        with pytest.raises(AppError, match='GET /sync failed: ZeroDivisionError'): tab.request('GET', '/sync')


def test_a_task_that_the_application_leaves():
    report = r'The task .*, made at .*test_mistakes_of_apps.py:\d+ in later, still ran'
    with pytest.raises(AppError, match=report), live(make) as world:
        world.tab().request('GET', '/later/nothing')
