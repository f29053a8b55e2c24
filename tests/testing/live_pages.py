"Small live pages and what happens to each: the test kit and Chromium run them, and must show the same"
from dataclasses import dataclass
from pathlib import Path

from fasthtml.common import (
    A, Beforeware, Button, Div, EventStream, Form, HtmxResponseHeaders, Input, Li, Link, P, Pre, RedirectResponse,
    Response, Span, Table, Tbody, Td, Title, Tr, Ul, fast_app)
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from cjm_fasthtml_sse import (
    AccessPolicy, BroadcastManager, Live, OOBStreamBuilder, Replay, SSEStream, StreamConfig, connection_indicator,
    create_reconnection_script, create_sse_element, setup_broadcast_routes, sign_topics, signed_only, sse_headers)

NPM = Path(__file__).parents[2]/'node_modules'
FOLDERS = {2: {'htmx.org': '/npm/htmx.org', 'htmx-ext-sse': '/npm/htmx-ext-sse'}, 4: {'htmx.org': '/npm/htmx-4.0.0'}}
SECRET = 'a secret of the tests'


def sign_in(req, sess): req.scope['auth'] = sess.get('auth')


def show(kind, data): return P(data['text'])


class Site:
    "An application of one case: a manager whose route `/say` broadcasts, and pages"
    def __init__(self, major, builder=show, policy=None, named=False, scripts=(), share=True, **settings):
        self.major, self.notes = major, []
        headers = [Link(rel='icon', href='data:,'), *sse_headers(major, local=FOLDERS[major], share=share), *scripts]
        self.app, self.rt = fast_app(htmx=False, surreal=False, pico=False, hdrs=headers, before=Beforeware(sign_in),
            secret_key=SECRET)
        self.manager = self.app.state.manager = BroadcastManager(**settings)
        about = dict(element_builder=builder, named=named, policy=policy or AccessPolicy())
        setup_broadcast_routes(self.app, self.manager, **about)
        self.app.router.routes[:0] = [Mount('/npm', StaticFiles(directory=NPM))]
        self.app.post('/say')(self.say)

    async def say(self, text: str, kind: str = 'note', topic: str = None, key: str = None, retain: bool = False):
        self.notes.append(text)
        await self.manager.broadcast(kind, dict(text=text), topic=topic, key=key, retain=retain)
        return ''

    def stream(self, *args, **attrs): return create_sse_element('/sse/broadcast', *args, cursor=self.manager.cursor(),
        **attrs)

    def page(self, make, path='/'):
        "Add a page; `make()` returns its elements"
        @self.rt(path)
        async def page(req): return Title(path), *make(req)


@dataclass(frozen=True)
class Case:
    "A site, and a script of verbs; both drivers compare all tabs after each verb"
    name: str
    build: object  # `build(major)` makes the site
    script: object  # `script(world)`
    majors: tuple


CASES = []


def case(script, majors=(2, 4)):
    "Decorate the function that builds the site of a case, with its script"
    def add(build):
        CASES.append(Case(build.__name__, build, script, majors))
        return build
    return add


# Swaps

def says(*texts, **settings):
    "A script: open the page, and broadcast each text"
    def script(world):
        world.tab('/')
        for text in texts: world.say(text, **settings)
    return script


@case(says('one', 'two'))
def swap_styles(major):
    site = Site(major)
    styles = 'innerHTML textContent beforeend afterbegin beforebegin afterend delete none'.split()
    site.page(lambda req: [Div(site.stream(style, style)(Span('old')), id=f'in-{style}') for style in styles])
    return site


@case(says('one'))
def swap_of_the_outside(major):
    site = Site(major)
    site.page(lambda req: [Div(site.stream('sse', 'outerHTML')(Span('old')), id='around')])
    return site


@case(says('<b>one</b>', 'two'), majors=(4,))
def morphs(major):
    site = Site(major)
    site.page(lambda req: [Div(site.stream(style, style)(P('old'), Input(name='field')), id=f'in-{style}')
        for style in ('innerMorph', 'outerMorph')])
    return site


def nested_script(world):
    world.tab('/')
    for kind in ('alpha', 'beta', 'alpha'): world.say(f'a text for {kind}', kind=kind)


@case(nested_script)
def nested_swaps(major):
    site = Site(major, named=True)
    inner = Div(P('no alpha'), sse_swap='alpha', hx_swap='beforeend', id='alpha'), Div(P('no beta'), sse_swap='beta',
        id='beta')
    site.page(lambda req: [site.stream('sse', 'gamma')(*inner)])
    return site


@case(nested_script)
def names_of_an_element(major):
    site = Site(major, named=True)
    site.page(lambda req: [site.stream('sse', 'alpha, beta', hx_swap='beforeend'), site.stream('other', 'alpha')])
    return site


@case(says('one', 'two & <three>'))
def messages_without_a_name(major):
    site = Site(major)
    site.page(lambda req: [site.stream('sse')(P('nothing yet'))])
    return site


@case(says('one', 'two'))
def table_rows(major):
    site = Site(major, lambda kind, data: Tr(Td(data['text']), Td('cell')))
    site.page(lambda req: [Table(Tbody(Tr(Td('first'), Td('row')), id='rows')),
        site.stream('sse', 'beforeend', hx_target='#rows')])
    return site


def json_script(world):
    world.tab('/', names=['message'])
    world.say('one')
    world.say('two')


@case(json_script)
def json_events(major):
    site = Site(major, None)
    site.page(lambda req: [site.stream('sse')(P('untouched'))])
    return site


# Out-of-band elements

@case(says('one', 'two'))
def out_of_band_only(major):
    site = Site(major, lambda kind, data: Div(data['text'], id='there', hx_swap_oob='true'))
    site.page(lambda req: [Div('nothing', id='there'), site.stream('sse')(P('stays'))])
    return site


@case(says('one', 'two'))
def out_of_band_beside_content(major):
    site = Site(major, lambda kind, data: (P(data['text']), Span(data['text'], id='there', hx_swap_oob='true'),
        Li(data['text'], hx_swap_oob='beforeend:#list')))
    site.page(lambda req: [Div(Span('nothing', id='there'), Ul(id='list')),
        site.stream('sse', 'beforeend')(P('stays'))])
    return site


def build_parts(kind, data):
    builder = OOBStreamBuilder().add_element(P(data['text']), 'one').add_element(Li(data['text']), 'list', 'beforeend')
    builder.add_element(Tr(Td(data['text'])), 'rows', 'beforeend').add_element(Div(data['text'], id='whole'), 'whole',
        'outerHTML', wrap=False)
    return builder.build()


@case(says('one', 'two'))
def built_parts(major):
    site = Site(major, build_parts)
    site.page(lambda req: [Div(id='one'), Ul(id='list'), Table(Tbody(id='rows')), Div('old', id='whole'),
        site.stream('sse')(P('stays'))])
    return site


def gone_script(world):
    world.tab('/')
    world.say('first')
    world.say('second')


@case(gone_script)
def out_of_band_delete(major):
    site = Site(major, lambda kind, data: Div(id=data['text'], hx_swap_oob='delete'))
    site.page(lambda req: [Ul(Li('1', id='first'), Li('2', id='second'), Li('3', id='third')), site.stream('sse')])
    return site


# Topics and rights

def topics_script(world):
    world.tab('/')
    for topic in ('job/1', 'job/2', 'other', 'job/2/part'): world.say(f'about {topic}', topic=topic)
    world.say('for all')


@case(topics_script)
def topics_and_patterns(major):
    site = Site(major)
    topics = dict(one=['job/1'], star=['job/*'], deep=['job/**'], none=None)
    site.page(lambda req: [site.stream(name, 'beforeend', topics=names) for name, names in topics.items()])
    return site


@case(topics_script)
def signed_topics(major):
    site = Site(major, policy=AccessPolicy(authorize=signed_only))
    def page(req):
        url = f"/sse/broadcast?signed={sign_topics(site.app, ['job/1'])}"
        return [create_sse_element(url, 'sse', 'beforeend', cursor=site.manager.cursor(), topics=['job/1']),
            connection_indicator(id='state')]
    site.page(page)
    return site


@case(topics_script)
def a_denied_topic(major):
    site = Site(major, policy=AccessPolicy(authorize=lambda topics: [each for each in topics if each != 'job/1']))
    site.page(lambda req: [site.stream('some', 'beforeend', topics=['job/1', 'job/2']),
        connection_indicator(id='state')])
    return site


def denied_script(world):
    world.tab('/')
    world.say('about the job', topic='job/1')
    world.say('for all')


@case(denied_script)
def all_topics_denied(major):
    site = Site(major, policy=AccessPolicy(authorize=lambda topics: False))
    site.page(lambda req: [site.stream('sse', 'beforeend', topics=['job/1']), connection_indicator(id='state')])
    return site


def revoked_script(world):
    world.tab('/', user='ann')
    world.tab('/', user='bob')
    world.say('before', topic='room')
    world.post('/revoke', user='ann')
    world.say('after', topic='room')
    world.say('for all')


@case(revoked_script)
def revoked_rights(major):
    site = Site(major)
    @site.app.post('/revoke')
    async def revoke(user: str): await site.manager.revoke(user, 'room')
    site.page(lambda req: [site.stream('sse', 'beforeend', topics=['room']), connection_indicator(id='state')])
    return site


def users_script(world):
    world.tab('/', user='ann')
    world.tab('/', user='bob')
    world.post('/tell', user='ann', text='secret')
    world.say('for all')


@case(users_script)
def messages_to_a_user(major):
    site = Site(major)
    @site.app.post('/tell')
    async def tell(user: str, text: str): await site.manager.send_to_user(user, 'note', dict(text=text))
    site.page(lambda req: [site.stream('sse', 'beforeend')])
    return site


def exclude_script(world):
    one, other = world.tab('/?me=one'), world.tab('/?me=other')
    one.click('#add')
    other.click('#add')


@case(exclude_script)
def the_own_connection_excluded(major):
    site = Site(major)
    @site.app.post('/add')
    async def add(me: str):
        await site.manager.broadcast('note', dict(text=f'from {me}'), exclude={me})
        return P('mine')
    def page(req):
        me = req.query_params['me']
        stream = create_sse_element(f'/sse/broadcast?connection_id={me}', 'sse', 'beforeend',
            cursor=site.manager.cursor())
        return [stream, Button('add', id='add', hx_post=f'/add?me={me}', hx_target='#sse', hx_swap='beforeend')]
    site.page(page)
    return site


# Events that are kept

def retained_script(world):
    world.say('red', key='colour', retain=True)
    world.say('blue', key='colour', retain=True)
    world.say('large', key='size', retain=True)
    world.tab('/')
    world.say('green', key='colour', retain=True)
    world.tab('/')


@case(retained_script)
def retained_events(major):
    site = Site(major)
    site.page(lambda req: [create_sse_element('/sse/broadcast', 'sse', 'beforeend', topics=['things'])])
    site.app.router.routes = [route for route in site.app.router.routes if getattr(route, 'path', '') != '/say']
    @site.app.post('/say')
    async def say(text: str, key: str): await site.manager.broadcast('note', dict(text=text), topic='things', key=key,
        retain=True)
    return site


def line_script(world):
    tab, _ = world.tab('/'), world.tab('/')
    world.say('before')
    tab.lose_line()
    for i in range(3): world.say(f'missed {i}')
    tab.regain_line()
    world.say('after')


def with_indicator(site, **attrs): return [site.stream('sse', 'beforeend', **attrs), connection_indicator(id='state')]


@case(line_script)
def replay_after_a_lost_line(major):
    site = Site(major)
    site.page(lambda req: with_indicator(site))
    return site


@case(line_script)
def missed_events_without_a_refresh(major):
    site = Site(major, replay=Replay(max_events=1))
    site.page(lambda req: with_indicator(site))
    return site


def notes_of(site): return [P(text) for text in site.notes]


@case(line_script)
def a_refresh_by_url(major):
    site = Site(major, replay=Replay(max_events=1))
    site.rt('/notes')(lambda: tuple(notes_of(site)))
    site.page(lambda req: with_indicator(site, refresh='/notes', refresh_spread=0))
    return site


@case(line_script)
def a_refresh_by_reload(major):
    site = Site(major, replay=Replay(max_events=1))
    site.page(lambda req: [site.stream('sse', 'beforeend', refresh=True, refresh_spread=0)(*notes_of(site)),
        connection_indicator(id='state')])
    return site


def restart_script(world):
    world.tab('/')
    world.say('before')
    world.restart()
    world.say('after')


@case(restart_script)
def a_restart(major):
    site = Site(major)
    site.page(lambda req: with_indicator(site))
    return site


@case(restart_script)
def a_restart_with_a_refresh(major):
    site = Site(major)
    site.rt('/notes')(lambda: tuple(notes_of(site)))
    site.page(lambda req: with_indicator(site, refresh='/notes', refresh_spread=0))
    return site


def stop_script(world):
    world.tab('/')
    world.stop()
    world.start()
    world.say('after')


@case(stop_script)
def a_server_that_is_away(major):
    site = Site(major)
    site.page(lambda req: with_indicator(site))
    return site


def frozen_script(world):
    tab, _ = world.tab('/'), world.tab('/')
    world.say('before')
    tab.freeze()
    world.say('missed')
    tab.thaw()
    world.say('after')


@case(frozen_script)
def a_frozen_page(major):
    site = Site(major)
    site.page(lambda req: with_indicator(site))
    return site


# Streams without a manager, and heartbeats

def opened(world): world.tab('/')


@case(opened)
def a_stream_that_ends(major):
    site = Site(major)
    async def items():
        for i in range(3): yield P(f'item {i}')
    site.rt('/feed')(lambda: EventStream(SSEStream(StreamConfig(heartbeat_interval=0)).stream(items)))
    site.page(lambda req: [create_sse_element('/feed', 'sse', 'beforeend'), connection_indicator(id='state')])
    return site


@case(says('one', 'two'))
def heartbeats(major):
    site = Site(major, heartbeat_interval=.2)
    site.page(lambda req: with_indicator(site))
    return site


# Several elements, several tabs

def shared_script(world):
    browser = world.browser(user='ann')
    one = browser.tab('/')
    other = browser.tab('/?topic=room')
    world.say('for all')
    world.say('for the room', topic='room')
    one.close()
    world.say('after')
    world.say('for the room', topic='room')
    other.reload()
    world.say('at last')


@case(shared_script)
def two_tabs_of_a_browser(major):
    site = Site(major)
    site.page(lambda req: with_indicator(site, topics=req.query_params.getlist('topic')))
    return site


@case(topics_script)
def two_elements_on_a_stream(major):
    site = Site(major)
    site.page(lambda req: [site.stream('one', 'beforeend', topics=['job/1']),
        site.stream('two', 'afterbegin', topics=['job/2']),
        create_sse_element('/sse/broadcast', 'three', share=False)])
    return site


# What a person does

def form_script(world):
    ann, bob = world.tab('/', user='ann'), world.tab('/', user='bob')
    ann.submit('#new', title='Milk')
    bob.submit('#new', title='Bread & <b>butter</b>')
    ann.click('#item-1 button')


@case(form_script)
def a_form_answered_out_of_band(major):
    site = Site(major, lambda kind, data: item(data['text'], data['n']))
    site.titles = []
    def item(title, n): return Li(title, Button('done', hx_post=f'/done/{n}', hx_swap='none'), id=f'item-{n}')
    @site.app.post('/add')
    async def add(title: str):
        site.titles.append(title)
        await site.manager.broadcast('add', dict(text=title, n=len(site.titles)))
        return Span(f'{len(site.titles)} items', id='count', hx_swap_oob='true'), Input(name='title', id='title',
            hx_swap_oob='true')
    @site.app.post('/done/{n}')
    async def done(n: int): return Span('one done', id='count', hx_swap_oob='true')
    form = Form(Input(name='title', id='title'), Button('Add'), hx_post='/add', hx_swap='none', id='new')
    site.page(lambda req: [form, Span('0 items', id='count'), site.stream('todo', 'beforeend')])
    return site


def trigger_script(world):
    tab = world.tab('/')
    tab.click('#change')
    tab.click('#change')


@case(trigger_script)
def triggers_of_an_answer(major):
    site = Site(major)
    site.count = 0
    @site.app.post('/change')
    def change():
        site.count += 1
        return f'changed {site.count}', HtmxResponseHeaders(trigger='changed')
    @site.rt('/listing')
    def listing(): return P(f'listing {site.count}')
    site.page(lambda req: [Button('change', id='change', hx_post='/change', hx_target='#answer'), Div(id='answer'),
        Div('old', hx_get='/listing', hx_trigger='changed from:body', id='listing')])
    return site


def stream_trigger_script(world):
    world.tab('/')
    world.say('one', kind='changed')
    world.say('two', kind='changed')


@case(stream_trigger_script)
def a_request_by_an_event(major):
    site = Site(major, named=True)
    @site.rt('/listing')
    def listing(): return P(f'listing {len(site.notes)}')
    trigger = 'sse:changed' if major == 2 else 'changed from:#sse'
    site.page(lambda req: [site.stream('sse',
        'other')(Div('old', hx_get='/listing', hx_trigger=trigger, id='listing'))])
    return site


def boost_script(world):
    tab = world.tab('/')
    world.say('one')
    tab.click('#there')
    world.say('two')
    tab.click('#here')
    world.say('three')


def linked(site):
    def links(): return Div(A('there', href='/there', id='there'), ' ', A('here', href='/', id='here'))
    return lambda req: [links(), *with_indicator(site)], lambda req: [links(), site.stream('other')]


@case(boost_script)
def a_boosted_change_of_page(major):
    site = Site(major)
    for path, page in zip(('/', '/there'), linked(site), strict=True):
        name = 'hx-boost' if major == 2 else 'hx-boost-inherited'
        site.page(lambda req, page=page, name=name: [Div(*page(req), **{name: 'true'})], path)
    return site


def removed_script(world):
    tab = world.tab('/')
    world.say('one')
    tab.click('#without')
    world.say('two')
    tab.click('#with')
    world.say('three')


@case(removed_script)
def an_element_that_comes_and_goes(major):
    site = Site(major)
    site.rt('/without')(lambda: P('no stream'))
    @site.rt('/with')
    async def stream(): return site.stream('sse', 'beforeend')
    def buttons(): return [Button(each, id=each, hx_get=f'/{each}', hx_target='#place')
        for each in ('with', 'without')]
    site.page(lambda req: [*buttons(), Div(site.stream('sse', 'beforeend'), id='place')])
    return site


def inserted_script(world):
    world.tab('/')
    world.say('one')


@case(inserted_script)
def an_element_that_loads_itself(major):
    site = Site(major, lambda kind, data: Div(data['text'], hx_get='/more', hx_trigger='load', hx_swap='afterend'))
    site.rt('/more')(lambda: P('more'))
    site.page(lambda req: [Div('old', hx_get='/more', hx_trigger='load', id='own'),
        Div('old', hx_get='/more', hx_trigger='load delay:100ms', id='late'),
        Div('old', hx_get='/more', hx_trigger='every 1s', id='often'),
        site.stream('sse', 'beforeend')])
    return site


def back_script(world):
    tab = world.tab('/')
    world.say('one')
    tab.follow('#there')
    world.say('two')
    tab.back()
    world.say('three')
    tab.reload()
    world.say('four')
    tab.goto('/there')
    world.say('five')


@case(back_script)
def back_and_forth(major):
    site = Site(major)
    for path, page in zip(('/', '/there'), linked(site), strict=True): site.page(page, path)
    return site


def typing_script(world):
    tab = world.tab('/')
    tab.fill('#search', 'milk')
    tab.fill('#search', 'bread')
    tab.click('#all')


@case(typing_script)
def a_search_while_typing(major):
    site = Site(major)
    @site.rt('/search')
    def search(q: str = '', every: str = ''): return P(f'found {q} {every}')
    site.page(lambda req: [Input(id='search', name='q', hx_get='/search', hx_trigger='input changed delay:100ms',
        hx_target='#found'),
        Input(type='checkbox', id='all', name='every', hx_get='/search', hx_include='#search',
        hx_target='#found'),
        Div(id='found'), site.stream('sse')])
    return site


def user_script(world):
    world.tab('/', user='ann')
    world.say('for all')
    world.post('/end', user='ann')
    world.say('after')


@case(user_script)
def a_stream_that_is_ended(major):
    site = Site(major)
    @site.app.post('/end')
    async def end(user: str): await site.manager.disconnect(dict(user=user))
    site.page(lambda req: with_indicator(site))
    return site


# Pages that set how their streams behave

def unshared_script(world):
    browser = world.browser(user='ann')
    browser.tab('/')
    browser.tab('/')
    world.say('for all')


@case(unshared_script)
def tabs_that_do_not_share(major):
    site = Site(major, share=False)
    site.page(lambda req: with_indicator(site))
    return site


def given_up_script(world):
    world.tab('/')
    world.say('before')
    world.stop()
    world.start()
    world.say('after')


@case(given_up_script)
def a_page_that_gives_up(major):
    site = Site(major, scripts=[create_reconnection_script(check_interval=100, max_retries=1)])
    site.page(lambda req: with_indicator(site))
    return site


@case(says('one', 'two'))
def an_element_in_plain_html(major):
    site = Site(major)
    stream = dict(hx_sse_connect='/sse/broadcast')
    if major == 2: stream = dict(hx_ext='sse', sse_connect='/sse/broadcast', sse_swap='message')
    site.page(lambda req: [Div(P('old'), hx_swap='beforeend', id='sse', **stream)])
    return site


@case(says('a\nb', 'ü – 日本 🎉', ' spaces ', 'back\\slash & "quotes"'))
def texts_of_all_kinds(major):
    site = Site(major, lambda kind, data: Pre(data['text']))
    site.page(lambda req: [site.stream('sse', 'beforeend')])
    return site


def reload_script(world):
    line_script(world)
    world.tabs[0].follow('#state button')


@case(reload_script)
def the_button_of_an_indicator(major):
    site = Site(major, replay=Replay(max_events=1))
    site.page(lambda req: with_indicator(site))
    return site


def keyed_script(world):
    tab, _ = world.tab('/'), world.tab('/')
    tab.lose_line()
    for text, key in ('red', 'colour'), ('large', 'size'), ('blue', 'colour'): world.say(text, topic='things', key=key)
    world.say('plain', topic='things')
    tab.regain_line()


@case(keyed_script)
def keyed_events_while_away(major):
    site = Site(major)
    site.page(lambda req: [site.stream('sse', 'beforeend', topics=['things'])])
    return site


def again_script(world):
    world.tab('/', user='ann')
    world.post('/end', user='ann')
    world.say('after')


@case(again_script)
def a_stream_that_is_opened_again(major):
    site = Site(major)
    @site.app.post('/end')
    async def end(user: str): await site.manager.disconnect(dict(user=user), reconnect=True)
    site.page(lambda req: with_indicator(site))
    return site


@case(restart_script)
def a_refresh_that_is_refused(major):
    site = Site(major)
    site.rt('/notes')(lambda: Response('sign in', 401))
    site.page(lambda req: with_indicator(site, refresh='/notes', refresh_spread=0))
    return site


@case(restart_script)
def a_refresh_that_fails(major):
    site = Site(major)
    site.rt('/notes')(lambda: Response('failed', 503))
    site.page(lambda req: with_indicator(site, refresh='/notes', refresh_spread=0))
    return site


@case(restart_script)
def a_refresh_that_leads_elsewhere(major):
    site = Site(major)
    site.rt('/notes')(lambda: RedirectResponse('/sign-in', 303))
    site.rt('/sign-in')(lambda: P('sign in'))
    site.page(lambda req: with_indicator(site, refresh='/notes', refresh_spread=0))
    return site


def sign_in_script(world):
    browser = world.browser()
    one, _ = browser.tab('/'), browser.tab('/')
    world.say('for all')
    one.follow('#sign-in')
    world.post('/tell', user='ann', text='for ann')
    world.say('for all')


@case(sign_in_script)
def another_user_in_the_same_browser(major):
    site = Site(major)
    @site.app.post('/tell')
    async def tell(user: str, text: str): await site.manager.send_to_user(user, 'note', dict(text=text))
    @site.rt('/as/{who}')
    def become(sess, who: str):
        sess['auth'] = who
        return RedirectResponse('/', 303)
    site.page(lambda req: [A('sign in', href='/as/ann', id='sign-in'), *with_indicator(site)])
    return site


def redrawn_script(world):
    tab = world.tab('/')
    world.say('one')
    tab.click('#redraw')
    world.say('two')


@case(redrawn_script)
def an_element_that_is_drawn_anew(major):
    site = Site(major)
    @site.rt('/redraw')
    async def redraw(): return site.stream('sse', 'beforeend')(*notes_of(site))
    site.page(lambda req: [Button('redraw', id='redraw', hx_get='/redraw', hx_target='#sse', hx_swap='outerHTML'),
        site.stream('sse', 'beforeend')])
    return site


def redirect_script(world):
    tab = world.tab('/')
    tab.follow('#leave')
    world.say('one')
    tab.follow('#refresh')
    world.say('two')


@case(redirect_script)
def answers_that_lead_on(major):
    site = Site(major)
    site.app.post('/leave')(lambda: HtmxResponseHeaders(redirect='/there'))
    site.app.post('/refresh')(lambda: HtmxResponseHeaders(refresh='true'))
    buttons = [Button(each, id=each, hx_post=f'/{each}') for each in ('leave', 'refresh')]
    for path in ('/', '/there'): site.page(lambda req: [*buttons, site.stream('sse', 'beforeend')(*notes_of(site))],
        path)
    return site


def ended_topic_script(world):
    world.tab('/')
    world.post('/end')
    world.say('one', topic='two')


@case(ended_topic_script)
def a_topic_that_is_ended(major):
    site = Site(major)
    @site.app.post('/end')
    async def end(): await site.manager.disconnect(dict(topic='one'))
    site.page(lambda req: [site.stream('first', 'beforeend', topics=['one']),
        site.stream('second', 'beforeend', topics=['two']), connection_indicator(id='state')])
    return site


# Live regions

class RegionSite(Site):
    "A site with rows that two regions show, one with ids and one inside another"
    def __init__(self, major):
        super().__init__(major)
        self.rows, self.live = dict(a='one', b='two'), Live(self.app, manager=self.manager, local='/npm')
        self.inner = self.live.region('rows', min_interval=.1)(self.inner)
        outer, flat = self.live.region('outer')(self.outer), self.live.region('rows')(self.flat)
        button = Button('write', id='write', hx_post='/rows?key=a&text=written', hx_swap='none')
        self.page(lambda req: [button, flat(), outer(), connection_indicator(id='state')])
        self.app.post('/rows')(self.change)
        self.app.post('/end')(self.end)
        self.title, self.is_over = 'Rows', False

    def change(self, key: str, text: str, title: str = None):
        if text: self.rows[key] = text
        else: self.rows.pop(key)
        if title: self.title = title
        self.live.touch('rows', *(['outer'] if title else []))
        return ''

    def end(self):
        self.is_over = True
        self.live.touch('rows')
        return ''

    # Regions

    def flat(self):
        if self.is_over: return self.live.Gone(P('It is over', id='over'))
        return Div(*(P(text, Input(name='note'), id=key) for key, text in self.rows.items()), id='flat')

    def inner(self): return Ul(*map(Li, self.rows.values()), id='inner')

    def outer(self): return Div(P(self.title, id='title'), Div(self.inner(), id='around'), id='outer')


def regions_script(world):
    browser = world.browser()
    one, two, other = browser.tab('/'), browser.tab('/'), world.tab('/')
    world.post('/rows', key='a', text='changed')
    two.fill('#b input', 'typed')
    world.post('/rows', key='c', text='new', title='Other rows')
    one.click('#write')
    one.lose_line()
    world.post('/rows', key='b', text='while the line is lost')
    one.regain_line()
    other.freeze()
    world.post('/rows', key='a', text='')
    other.thaw()
    two.close()
    world.post('/rows', key='d', text='another')


@case(regions_script)
def live_regions(major): return RegionSite(major)


def restarted_regions_script(world):
    browser = world.browser()
    browser.tab('/')
    browser.tab('/')
    world.post('/rows', key='a', text='changed')
    world.restart()
    world.post('/rows', key='c', text='after the restart')


@case(restarted_regions_script)
def live_regions_after_a_restart(major): return RegionSite(major)


def ended_region_script(world):
    world.tab('/')
    world.post('/end')
    world.post('/rows', key='a', text='not shown any more')


@case(ended_region_script)
def a_region_that_ends(major): return RegionSite(major)
