"The application of the tutorial on forms, focus and lists: two people edit one list in browsers"
import time
from contextlib import ExitStack
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from until import until

from .engines import TIMEOUT, expect
from .live import NPM

pytestmark = [pytest.mark.needs('routes', 'focus of two'), pytest.mark.sample(1), pytest.mark.heavy]
EXAMPLE = Path(__file__).parents[2]/'examples/forms_focus_lists.py'
LIVE = "() => document.documentElement.dataset.sseState === 'open'"
# How often the row is shown after the person has hidden it
SHOWN_AGAIN = """row => { window.shown = 0;
    new MutationObserver(() => { window.shown += !row.hidden; }).observe(row, {attributeFilter: ['hidden']}); }"""


def from_npm(route):
    "Answer a request to the CDN from `node_modules`"
    package, _, file = route.request.url.partition('/npm/')[2].partition('/')
    path = NPM/package.split('@')[0]/file
    headers = {'access-control-allow-origin': '*', 'content-type': 'text/javascript'}
    route.fulfill(body=path.read_bytes() if path.is_file() else b'', headers=headers)


@pytest.fixture
def trip(serve, browser, console):
    "The example's names, and `open_as(name)`, which opens the list in a browser of its own"
    with ExitStack() as stack:
        names = SimpleNamespace(**run_path(str(EXAMPLE)))
        url = stack.enter_context(serve(names.app))
        def open_as(name):
            context = stack.enter_context(browser.new_context())
            context.set_default_timeout(TIMEOUT)
            context.route('https://cdn.jsdelivr.net/**', from_npm)
            page = context.new_page()
            console.watch(page)
            page.goto(f'{url}/sign-in?name={name}', wait_until='domcontentloaded')
            page.wait_for_function(LIVE)
            return page
        names.open_as = open_as
        yield names


class Slow(dict):
    "Things whose removal takes a while"
    def pop(self, *key):
        time.sleep(.4)
        return super().pop(*key)


def row(page, number): return page.locator(f'#thing-{number}')


def rename(page, number, text):
    field = row(page, number).get_by_label('Thing')
    field.fill(text)
    field.press('Tab')


def test_the_form_adds_a_row_for_all_and_is_emptied(trip):
    ana, ben = trip.open_as('ana'), trip.open_as('ben')
    expect(ana.get_by_text('Here: ana, ben')).to_be_visible()
    ana.get_by_label('New').fill('Rope')
    ana.get_by_label('New').press('Enter')
    for each in (ana, ben): expect(row(each, 4).get_by_label('Thing')).to_have_value('Rope')
    expect(ana.get_by_label('New')).to_have_value('')
    expect(row(ben, 4)).to_have_class('new')
    expect(row(ben, 4)).not_to_have_class('new')


def test_what_one_person_types_stays_while_another_changes_the_list(trip):
    ana, ben = trip.open_as('ana'), trip.open_as('ben')
    field = row(ana, 2).get_by_label('Thing')
    field.fill('Stove and gas')
    field.evaluate('field => field.setSelectionRange(5, 9)')
    row(ben, 1).get_by_role('button').click()
    rename(ben, 3, 'Old map')
    row(ben, 2).get_by_label('Packed').check()
    expect(row(ana, 1)).to_have_count(0)
    expect(row(ana, 3).get_by_label('Thing')).to_have_value('Old map')
    expect(row(ana, 2).get_by_label('Packed')).to_be_checked()
    expect(field).to_have_value('Stove and gas')
    expect(field).to_be_focused()
    assert field.evaluate('field => [field.selectionStart, field.selectionEnd]') == [5, 9]
    field.press('Tab')
    expect(row(ben, 2).get_by_label('Thing')).to_have_value('Stove and gas')


@pytest.mark.parametrize('takes', [False, True], ids=['mine', 'theirs'])
def test_a_conflict_is_shown_and_decided_by_the_person(trip, takes):
    ana, ben = trip.open_as('ana'), trip.open_as('ben')
    mine, notice = row(ana, 1).get_by_label('Thing'), ana.locator('#notice')
    mine.fill('Small tent')
    rename(ben, 1, 'Large tent')
    expect(mine).to_have_attribute('data-sse-conflict', 'Large tent')
    expect(mine).to_have_value('Small tent')
    expect(notice).to_contain_text('The list has "Large tent"')
    if takes:
        mine.press('Escape')
        expect(notice).to_have_text('')
    mine.press('Tab')
    for each in (ana, ben):
        field = row(each, 1).get_by_label('Thing')
        expect(field).to_have_value('Large tent' if takes else 'Small tent')
        expect(field).not_to_have_attribute('data-sse-conflict', 'Large tent')


def test_a_removed_row_is_not_shown_again(trip, monkeypatch):
    ana, ben = trip.open_as('ana'), trip.open_as('ben')
    monkeypatch.setitem(trip.row.__globals__, 'things', Slow(trip.things))
    row(ana, 1).evaluate(SHOWN_AGAIN)
    row(ana, 1).get_by_role('button').click()
    assert not row(ana, 1).is_visible()
    for text in ('a', 'b', 'c'): rename(ben, 2, text)
    for each in (ana, ben): expect(row(each, 1)).to_have_count(0)
    expect(row(ana, 2).get_by_label('Thing')).to_have_value('c')
    assert ana.evaluate('shown') == 0


def test_a_member_who_is_removed_sees_that_and_can_do_no_more(trip):
    ana, ben = trip.open_as('ana'), trip.open_as('ben')
    trip.members.remove('ben')
    trip.live.touch('members')
    expect(ana.get_by_text('Here:')).to_have_text('Here: ana')
    expect(ben.get_by_text('You are no longer a member.')).to_be_visible()
    expect(row(ben, 1)).to_have_count(0)
    ben.get_by_label('New').fill('A bomb')
    ben.get_by_label('New').press('Enter')
    expect(ben.get_by_role('heading')).to_have_text('Who are you?')
    rename(ana, 1, 'Ours')
    until(lambda: [each['text'] for each in trip.things.values()] == ['Ours', 'Stove', 'Map'])
