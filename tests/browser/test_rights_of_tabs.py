"Tabs that share a stream each show their own granted topics and their own end"
import time

import pytest
from fasthtml.common import Div, to_xml

from cjm_fasthtml_sse.core.access import sign_topics, signed_only
from cjm_fasthtml_sse.browser.elements import create_sse_element
from cjm_fasthtml_sse.runtime.time import Time
from .conftest import HTMX2, HTMX4
from .engines import expect
from .live import LEADS
from .rooms import Rooms, expect_state, heard, state, until

pytestmark = [pytest.mark.needs('init script'), pytest.mark.sample(1), pytest.mark.heavy]

one_htmx = pytest.mark.parametrize('htmx', [HTMX2], ids=str)
other_htmx = pytest.mark.parametrize('htmx', [HTMX4], ids=str)

# Keeps an end that another tab relays away from the script until the test calls `deliver`
LATE = """{ let isLate = true; const kept = [];
window.deliver = () => { isLate = false; for (const call of kept.splice(0)) call(); };
window.BroadcastChannel = class extends BroadcastChannel {
    set onmessage(hear) { super.onmessage = event => {
        const isEnd = event.data.events?.some(block => block.event === 'sse-close');
        if (isEnd && isLate) kept.push(() => hear(event)); else hear(event); }; } }; }"""
RELAYED = "() => [...cjmSSE.subscriptions].every(each => each.isRelayed)"


@pytest.fixture
def rooms(serve, htmx, tabs, console):
    "An app with the topics `a` and `b`, which are granted to all users until a test changes that"
    console.allow_failing()  # the denied topics
    console.allow('may not hear')
    rooms = Rooms(htmx.head(), tabs)
    with serve(rooms.app) as rooms.url: yield rooms


def denied(tab): return sorted((tab.get_attribute('#sse', 'data-sse-denied') or '').split())


def two_tabs(rooms, first):
    "A tab on `a` and one on `b` that share a stream; `first` leads"
    tabs = {}
    for topic in sorted('ab', key=first.__ne__):
        tabs[topic] = rooms.tab(topic)
        expect_state(tabs[topic], 'open')
    rooms.expect_streams(tabs['a'], 1, 2)
    for topic, tab in tabs.items(): rooms.expect_hears(tab, topic)
    return tabs['a'], tabs['b']


def lose(rooms, a, b):
    "The right to `b` is gone when the stream reconnects"
    rooms.may.discard('b')
    rooms.cut()
    expect_state(b, 'denied')
    rooms.expect_hears(a, 'a')
    assert state(a) == 'open'


def give_back(rooms, b):
    "The right to `b` is there again when the stream reconnects once more; `b` has all events or a reset"
    rooms.may.add('b')
    rooms.cut()
    expect_state(b, 'open', 'stale')
    rooms.expect_hears(b, 'b')
    assert heard(b) == rooms.meant_for(b) or b.evaluate('resets') == ['regained']
    assert heard(b) == sorted({*heard(b)} & {*rooms.meant_for(b)})


def two_elements(topics, share):
    "A page with one element on `a` and one on `b`"
    return [Div(create_sse_element('/sse/broadcast', f'of-{topic}', 'beforeend', topics=[topic])) for topic in 'ab']


# Rights


@pytest.mark.parametrize('first', 'ab')
def test_a_tab_is_told_that_its_right_is_gone_and_hears_once_it_is_back(rooms, first):
    a, b = two_tabs(rooms, first)
    lose(rooms, a, b)
    rooms.send(2, topic='b')
    rooms.expect_hears(a, 'a')
    assert not {*heard(b)} & {rooms.sent - 1, rooms.sent - 2}
    give_back(rooms, b)
    rooms.expect_all(a)
    assert a.evaluate('resets') == [] and state(a) == 'open'
    rooms.expect_streams(a, 1, 2)


@one_htmx
def test_a_tab_that_is_denied_is_no_burden_to_those_that_come_and_go(rooms):
    a, b = two_tabs(rooms, 'a')
    lose(rooms, a, b)
    new = rooms.tab('a')
    expect_state(new, 'open')
    a.close()
    rooms.expect_hears(new, 'a')
    expect_state(b, 'denied')  # it has requested it again, because the shared stream is a new one
    newest = rooms.tab('b')
    expect_state(newest, 'denied')
    rooms.expect_all(new)
    give_back(rooms, b)
    expect_state(newest, 'open', 'stale')
    rooms.expect_hears(newest, 'b')
    rooms.expect_all(new)


@pytest.mark.parametrize('beside', ['alone', 'beside another'])
def test_a_tab_of_two_topics_hears_the_one_and_names_the_other(rooms, beside):
    other = rooms.tab('a') if beside != 'alone' else None
    if other: expect_state(other, 'open')
    rooms.may.discard('b')
    tab = rooms.tab('a', 'b')
    expect_state(tab, 'open')
    until(tab, lambda: denied(tab) == ['b'])
    rooms.expect_hears(tab, 'a')
    rooms.send(topic='b')
    rooms.expect_hears(tab, 'a')
    assert rooms.sent - 1 not in heard(tab)
    if other: assert denied(other) == []
    rooms.may.add('b')
    rooms.cut()
    until(tab, lambda: tab.get_attribute('#sse', 'data-sse-denied') is None)
    expect_state(tab, 'open', 'stale')
    rooms.expect_hears(tab, 'b')
    rooms.expect_hears(tab, 'a')


@one_htmx
def test_a_right_that_a_page_loses_while_it_is_open_is_named(rooms):
    tab, other = rooms.tab('a', 'b'), rooms.tab('b')
    for each in (tab, other): expect_state(each, 'open')
    rooms.expect_streams(tab, 1, 2)
    rooms.may.discard('b')
    rooms.cut()
    until(tab, lambda: denied(tab) == ['b'])
    expect_state(other, 'denied')
    rooms.expect_hears(tab, 'a')
    assert state(tab) == 'open'


@other_htmx
def test_two_elements_of_a_page_are_told_apart(rooms):
    other = rooms.tab('a')
    rooms.content = two_elements
    tab = rooms.tab()
    for topic in 'ab': expect(tab.locator(f'#of-{topic}')).to_have_attribute('data-sse-state', 'open')
    rooms.expect_streams(tab, 1, 2)
    rooms.may.discard('b')
    rooms.cut()
    expect(tab.locator('#of-b')).to_have_attribute('data-sse-state', 'denied')
    rooms.expect_hears(other, 'a')
    expect(tab.locator('#of-a')).to_have_attribute('data-sse-state', 'open')
    expect(tab.locator('#of-a')).to_contain_text(str(rooms.sent))
    rooms.may.add('b')
    rooms.cut()
    expect(tab.locator('#of-b')).not_to_have_attribute('data-sse-state', 'denied')
    rooms.send(topic='b')
    expect(tab.locator('#of-b')).to_contain_text(str(rooms.sent))


@one_htmx
@pytest.mark.sample(2)
@pytest.mark.parametrize('when', ['the shared stream is opened anew', 'another person signs in'])
def test_an_element_of_the_leading_tab_that_is_denied_asks_again(rooms, when):
    rooms.people = {'alice': {'a', 'b'}, 'bob': {'a', 'b'}}
    rooms.content = two_elements
    tab = rooms.tab(path='/as/alice?to=/')
    for topic in 'ab': expect(tab.locator(f'#of-{topic}')).to_have_attribute('data-sse-state', 'open')
    rooms.expect_streams(tab, 1, 1)
    rooms.people['alice'] = {'a'}
    rooms.cut()
    expect(tab.locator('#of-b')).to_have_attribute('data-sse-state', 'denied')
    rooms.send(topic='a')
    expect(tab.locator('#of-a')).to_contain_text(str(rooms.sent))
    assert tab.evaluate(LEADS)
    if when == 'another person signs in':
        rooms.content = rooms.element
        rooms.tab(path='/as/bob?to=/%3Ftopic=a')
    else:
        rooms.people['alice'] = {'a', 'b'}
        rooms.cut()
    expect(tab.locator('#of-b')).not_to_have_attribute('data-sse-state', 'denied')
    rooms.send(topic='b')
    expect(tab.locator('#of-b')).to_contain_text(str(rooms.sent))


@one_htmx
def test_a_pattern_of_which_one_room_is_granted(serve, htmx, tabs, rooms):
    "`room/*` is requested and `room/a` granted: its events arrive, and a tab with another room is denied"
    def allow(topics): return [t for t in topics if t == 'room/a'] + ['room/a']*('room/*' in topics)
    narrow = Rooms(htmx.head(), tabs, authorize=allow)
    with serve(narrow.app) as narrow.url:
        one, wide, other = narrow.tab('room/a'), narrow.tab('room/*'), narrow.tab('room/b')
        for tab in (one, wide): expect_state(tab, 'open')
        expect_state(other, 'denied')
        narrow.cut()
        for tab in (one, wide): narrow.expect_hears(tab, 'room/a')
        narrow.send(topic='room/b')
        for tab in (one, wide): narrow.expect_hears(tab, 'room/a')
        assert [state(tab) for tab in (one, wide, other)] == ['open', 'open', 'denied']
        assert not {n for n, topic in narrow.said if topic == 'room/b'} & {*heard(wide)}


@one_htmx
def test_a_token_that_is_too_old_beside_one_that_is_not(serve, htmx, tabs, rooms):
    "A laptop slept for a day: the tab with a fresh token receives events, the other is denied"
    hours = 0
    clock = Time(wall=lambda: time.time() + hours * 3600)
    rooms = Rooms(htmx.head(), tabs, authorize=signed_only, clock=clock)
    tokens = {'b': sign_topics(rooms.app, 'b')}
    hours = 20
    tokens['a'] = sign_topics(rooms.app, 'a')
    def content(topics, share):
        url = f'/sse/broadcast?signed={tokens[topics[0]]}'
        return create_sse_element(url, 'sse', 'beforeend', topics=topics, cursor=rooms.manager.cursor(),
                                  data_from=rooms.sent)
    rooms.content = content
    with serve(rooms.app) as rooms.url:
        a, b = two_tabs(rooms, 'b')
        hours = 25
        rooms.cut()
        expect_state(b, 'denied')
        rooms.expect_hears(a, 'a')
        rooms.expect_all(a)


@pytest.mark.parametrize('htmx, denied_by', [(HTMX2, 'the shared stream'), (HTMX4, 'its own')], ids=str)
def test_a_tab_that_is_denied_asks_again_when_another_person_signs_in(rooms, denied_by):
    rooms.people = {'alice': {'a', 'b'} if denied_by == 'the shared stream' else {'a'}, 'bob': {'a', 'b'}}
    a = rooms.tab(path='/as/alice?to=/%3Ftopic=a')
    expect_state(a, 'open')
    b = rooms.tab('b')
    if denied_by == 'the shared stream':
        expect_state(b, 'open')
        rooms.expect_streams(a, 1, 2)
        rooms.people['alice'] = {'a'}
        rooms.cut()
    expect_state(b, 'denied')
    bob = rooms.tab(path='/as/bob?to=/%3Ftopic=a')
    expect_state(bob, 'open')
    expect_state(b, 'open', 'stale')
    rooms.expect_hears(b, 'b')
    for tab in (a, bob): rooms.expect_hears(tab, 'a')


@pytest.mark.parametrize('share', ['', 'share=no&'], ids=['shared', 'each its own'])
def test_a_right_that_is_taken_while_streams_are_open(rooms, share):
    "No connection breaks, and yet the page knows"
    rooms.tab(path='/as/alice')
    one, both = rooms.tab('b', path=f'/?{share}'), rooms.tab('a', 'b', path=f'/?{share}')
    for tab in (one, both): expect_state(tab, 'open')
    if not share: rooms.expect_streams(one, 1, 2)
    rooms.may.discard('b')
    rooms.do(rooms.manager.revoke('alice', 'b'))
    expect_state(one, 'denied')
    until(both, lambda: denied(both) == ['b'])
    assert state(both) == 'open' and denied(one) == ['b']
    rooms.send(topic='b')
    rooms.expect_hears(both, 'a')
    assert rooms.sent - 1 not in heard(both)
    for tab in (one, both): rooms.expect_hears(tab, None)  # events for all subscribers


# Ends


@pytest.mark.parametrize('first', 'ab')
def test_the_end_of_a_topic_is_that_of_its_tabs_alone(rooms, first):
    a, b = two_tabs(rooms, first)
    async def story():
        for topic in 'abab': await rooms.say(topic)
        await rooms.manager.disconnect(dict(topic='b'))
        for topic in 'abab': await rooms.say(topic)
    before = rooms.sent + 4
    rooms.do(story())
    expect_state(b, 'closed')
    rooms.expect_hears(a, 'a')
    rooms.expect_all(a)
    assert state(a) == 'open' and a.evaluate('resets') == []
    assert 'closed' not in a.evaluate('states') and 'denied' not in a.evaluate('states')
    rooms.send(topic='b')
    rooms.expect_hears(a, 'a')
    assert state(b) == 'closed' and max(heard(b)) <= before
    assert b.evaluate("cjmSSE.isEnded(document.querySelector('#sse'))")
    rooms.expect_streams(a, 1, 1)
    again = rooms.tab('b')  # a page that is opened anew is let in
    rooms.expect_hears(again, 'b')
    rooms.expect_all(a)


@one_htmx
def test_a_tab_that_asked_for_the_topic_among_others_ends(rooms):
    rooms.may.add('c')
    both, c = rooms.tab('a', 'b'), rooms.tab('c')
    for tab in (both, c): expect_state(tab, 'open')
    rooms.expect_streams(c, 1, 2)
    rooms.do(rooms.manager.disconnect(dict(topic=['b'])))
    expect_state(both, 'closed')
    rooms.expect_hears(c, 'c')
    rooms.expect_all(c)


ASKED = {'wide': ['room/*'], 'widest': ['room/**'], 'a': ['room/a'], 'b': ['room/b'], 'deep': ['room/a/x'],
         'several': ['hall', 'room/a'], 'hall': ['hall'], 'all': []}
ENDED = {'room/a': {'wide', 'widest', 'a', 'several'}, 'room/*': {'wide', 'widest', 'a', 'b', 'several'},
         'room/**': {'wide', 'widest', 'a', 'b', 'deep', 'several'}, 'room/a/*': {'widest', 'deep'},
         'hall': {'several', 'hall'}, 'nobody/hears': set()}


@pytest.mark.parametrize('topic', [pytest.param(topic, marks=pytest.mark.sample(1)) for topic in ENDED])
@one_htmx
def test_who_asked_for_something_that_meets_it_ends(serve, htmx, tabs, rooms, topic):
    "In the leading tab and in another one, for each element"
    open_to_all = Rooms(htmx.head(), tabs, authorize=None)
    def content(topics, share):
        return [create_sse_element('/sse/broadcast', name, 'beforeend', topics=asked) for name, asked in ASKED.items()]
    open_to_all.content = content
    with serve(open_to_all.app) as open_to_all.url:
        pages = [open_to_all.tab(), open_to_all.tab()]
        for page in pages:
            for name in ASKED: expect(page.locator(f'#{name}')).to_have_attribute('data-sse-state', 'open')
        open_to_all.expect_streams(pages[0], 1, 2)
        open_to_all.do(open_to_all.manager.disconnect(dict(topic=topic)))
        for page in pages:
            for name in ENDED[topic]: expect(page.locator(f'#{name}')).to_have_attribute('data-sse-state', 'closed')
        open_to_all.send()
        for page in pages:
            for name in ASKED.keys() - ENDED[topic]:
                expect(page.locator(f'#{name}')).to_have_attribute('data-sse-state', 'open')
                expect(page.locator(f'#{name}')).to_have_text(str(open_to_all.sent))
            for name in ENDED[topic]: expect(page.locator(f'#{name}')).to_have_text('')


@other_htmx
def test_nothing_is_lost_where_topics_end_again_and_again(rooms):
    a = rooms.tab('a')
    expect_state(a, 'open')
    for _ in range(3):
        b = rooms.tab('b')
        expect_state(b, 'open')
        rooms.expect_streams(a, 1, 2)
        async def story():
            for n in range(40):
                await rooms.say('ab'[n % 2])
                if n == 20: await rooms.manager.disconnect(dict(topic='b'))
        rooms.do(story())
        expect_state(b, 'closed')
        b.close()
    rooms.expect_all(a)
    assert a.evaluate('resets') == [] and state(a) == 'open'


@one_htmx
@pytest.mark.parametrize('where', [{}, dict(topic=['a', 'b'])], ids=str)
def test_the_end_of_all_is_that_of_all(rooms, where):
    pages = two_tabs(rooms, 'a')
    rooms.do(rooms.manager.disconnect(where))
    for page in pages: expect_state(page, 'closed')
    rooms.expect_streams(pages[0], 0, 0)


def leader_ends(rooms, tabs, where, count):
    "Open a tab on `a` and `count` on `b`. The first ends, another one leads, and the message of the end is under way"
    def late():
        tab = tabs()
        tab.add_init_script(LATE)
        return tab
    first, *others = opened = [rooms.tab('a'), *(rooms.tab('b', tabs=late) for _ in range(count))]
    for tab in opened: expect_state(tab, 'open')
    rooms.expect_streams(first, 1, len(opened))
    for tab in opened: until(tab, lambda tab=tab: tab.evaluate(RELAYED))
    assert first.evaluate(LEADS)
    rooms.do(rooms.manager.disconnect(where))
    expect_state(first, 'closed')
    until(first, lambda: any(tab.evaluate(LEADS) for tab in others))
    rooms.expect_streams(first, 1, count)
    for tab in others: until(tab, lambda tab=tab: tab.evaluate(RELAYED))
    return others


@one_htmx
@pytest.mark.parametrize('where', [{}, dict(topic=['a', 'b']), dict(topic='a')], ids=str)
def test_the_end_reaches_a_tab_that_gets_the_lock_before_the_message(rooms, tabs, where):
    others = leader_ends(rooms, tabs, where, 2)
    for tab in others: tab.evaluate('deliver()')
    if where == dict(topic='a'):
        for tab in others:
            rooms.expect_hears(tab, 'b')
            assert state(tab) == 'open'
    else:
        for tab in others:
            expect_state(tab, 'closed')
            assert tab.evaluate("cjmSSE.isEnded(document.querySelector('#sse'))")
        rooms.expect_streams(others[0], 0, 0)


@one_htmx
def test_an_end_that_comes_late_is_not_that_of_an_element_that_was_opened_again(rooms, tabs):
    (tab,) = leader_ends(rooms, tabs, {}, 1)
    for call in ('close', 'open'): tab.evaluate(f"cjmSSE.{call}(document.querySelector('#sse'))")
    expect_state(tab, 'open')
    until(tab, lambda: tab.evaluate(RELAYED))
    tab.evaluate('deliver()')
    rooms.expect_hears(tab, 'b')
    rooms.expect_all(tab)
    assert state(tab) == 'open'
    rooms.expect_streams(tab, 1, 1)


@other_htmx
def test_an_end_that_comes_late_is_not_that_of_an_element_that_came_after_it(rooms, tabs):
    (tab,) = leader_ends(rooms, tabs, {}, 1)
    new = create_sse_element('/sse/broadcast', 'new', 'beforeend', topics=['b'])
    tab.evaluate("html => cjmSSE.swap(document.body, html, 'beforeend')", to_xml(new))
    expect(tab.locator('#new')).to_have_attribute('data-sse-state', 'open')
    until(tab, lambda: tab.evaluate(RELAYED))
    tab.evaluate('deliver()')
    expect_state(tab, 'closed')
    rooms.send(topic='b')
    expect(tab.locator('#new')).to_have_text(str(rooms.sent))
    expect(tab.locator('#new')).to_have_attribute('data-sse-state', 'open')
    rooms.expect_streams(tab, 1, 1)


@one_htmx
def test_who_is_to_come_back_comes_back(rooms):
    a, b = two_tabs(rooms, 'a')
    async def story():
        for topic in 'abab': await rooms.say(topic)
        await rooms.manager.disconnect(dict(topic='b'), reconnect=True)
        for topic in 'abab': await rooms.say(topic)
    rooms.do(story())
    for page in (a, b):
        rooms.expect_all(page)
        expect_state(page, 'open')
