"The kit finds what it is for: twelve applications with one mistake each, and a short test that finds each"
from functools import partial

import pytest

from cjm_fasthtml_sse.testing import AppError, live
from .bugs import (blocking_call, doubled_append, endless_stream, forgotten_await, lost_order, misspelt_type,
                   no_refresh, other_rendering, own_memory, piece_without_id, private_name, wrong_topic)


def finds(bug, kind, *words):
    "Run a test with the wrong application, where it fails by `kind` with all of `words`, and with the mended one."
    def decorate(check):
        @pytest.mark.parametrize('is_mended', [False, True], ids=['wrong', 'mended'])
        def test(is_mended):
            make = partial(bug.make, is_mended)
            if is_mended: return check(make)
            with pytest.raises(kind) as failed: check(make)
            assert failed.type is kind
            assert not [each for each in words if each not in str(failed.value)], str(failed.value)
        return test
    return decorate


@finds(wrong_topic, AssertionError, "Nobody took 'added' in 'board'.", "pages asked for 'boards'")
def test_wrong_topic(make):
    with live(make) as world:
        tab = world.tab()
        tab.submit('form', title='Milk')
        world.assert_fresh(tab)


@finds(forgotten_await, AppError, 'broadcast was called without await', 'bugs/forgotten_await.py:21', 'write `await …`')
def test_forgotten_await(make):
    with live(make) as world:
        tab = world.tab()
        tab.submit('form', title='Milk')
        assert tab.texts('#cards li') == ['Milk']


@finds(piece_without_id, AppError, 'no element takes it', "no element with the id 'card-tea'")
def test_piece_without_id(make):
    with live(make) as world:
        tab = world.tab()
        tab.click('button')
        assert tab.texts('#cards li') == ['milk', 'tea (done)']


@finds(other_rendering, AssertionError, 'A live page and a fresh one differ', '<b>', "'<li>Milk</li>'")
def test_other_rendering(make):
    with live(make) as world:
        tab = world.tab()
        tab.submit('form', title='Milk')
        world.assert_fresh(tab)


@finds(doubled_append, AssertionError, 'A live page and a fresh one differ', '-  Milk', 'sse-reset')
def test_doubled_append(make):
    with live(make) as world:
        ann, bob = world.tab(), world.tab()
        ann.submit('form', title='Milk')
        bob.lose_line()
        for title in ('Tea', 'Salt'): ann.submit('form', title=title)
        bob.regain_line()
        world.clock.advance(3)
        world.assert_fresh(bob, '#cards > li')


@finds(no_refresh, AssertionError, 'Two tabs differ', "Tab('/') is stale", 'sse-reset')
def test_no_refresh(make):
    with live(make) as world:
        ann, bob = world.tab(), world.tab()
        bob.lose_line()
        for title in ('Milk', 'Tea'): ann.submit('form', title=title)
        bob.regain_line()
        world.clock.advance(3)
        world.assert_in_step(ann, bob, '#cards')


@finds(private_name, AssertionError, "'ann@example.com' crossed the line", 'data-by="ann@example.com"')
def test_private_name(make):
    with live(make) as world:
        ann, bob = world.tab(user='ann@example.com'), world.tab(user='bob@example.com')
        ann.click('button')
        assert bob.texts('#votes li') == ['A vote']
        world.assert_private(bob, 'ann@example.com')


@finds(own_memory, AssertionError, 'A live page and a fresh one differ', "Tab('/', worker 1)", 'Milk')
def test_own_memory(make):
    with live(make, workers=2) as world:
        ann, bob = world.tab(worker=0), world.tab(worker=1)
        ann.submit('form', title='Milk')
        world.assert_in_step(ann, bob, '#cards')


@finds(blocking_call, AppError, 'The loop was blocked for 0.', 'bugs/blocking_call.py:')
def test_blocking_call(make):
    with live(make, block_limit=0.1) as world:
        tab = world.tab()
        tab.click('button')
        assert tab.texts('#news p') == ['Printed']


@finds(endless_stream, AssertionError, "'reconnecting' == 'closed'")
def test_endless_stream(make):
    with live(make) as world:
        tab = world.tab()
        assert tab.dom.progress['value'] == '3'
        assert tab.state == 'closed'


@finds(misspelt_type, AppError, "received the event 'anounced'", 'no element takes it', 'sse-swap="announced"')
def test_misspelt_type(make):
    with live(make) as world:
        tab = world.tab()
        tab.submit('form', text='Lunch')
        assert tab.texts('#news p') == ['Lunch']


@finds(lost_order, AssertionError, 'Two tabs differ', 'card-c')
def test_lost_order(make):
    with live(make) as world:
        ann, bob = world.tab(), world.tab()
        bob.lose_line()
        for name in 'bccb': ann.click(f'#card-{name} button')
        bob.regain_line()
        world.assert_in_step(ann, bob, '#cards')
