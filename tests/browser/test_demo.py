"The demo in a browser: tabs in step, jobs, a wave, and a page that shows its state"
import re

import pytest
from system.demo_process import demo
from ports import free_port
from .engines import expect

pytestmark = [pytest.mark.needs('requests'), pytest.mark.sample(1), pytest.mark.heavy, pytest.mark.feature('the demo')]
ITEM = 'Tea & <b>cake</b>'
# Texts with too little contrast to their background: WCAG 2.2 requires a ratio of 4.5 (level AA)
FAINT = '''() => {
    const numbers = color => color.match(/[\\d.]+/g).map(Number);
    const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const luminance = color => {
        const [r, g, b] = numbers(color).map(v => linear(v / 255));
        return .2126 * r + .7152 * g + .0722 * b; };
    const background = elt => {
        const color = getComputedStyle(elt).backgroundColor;
        return numbers(color)[3] === 0 ? background(elt.parentElement) : color; };
    const ratio = elt => {
        const colors = [getComputedStyle(elt).color, background(elt)];
        const [low, high] = colors.map(luminance).sort((a, b) => a - b);
        return (high + .05) / (low + .05); };
    const hasText = elt => [...elt.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const texts = [...document.querySelectorAll('main *')].filter(elt => elt.checkVisibility() && hasText(elt));
    return texts.filter(elt => !(ratio(elt) >= 4.5)).map(elt => `${elt.textContent}: ${ratio(elt)}`); }'''
BROKEN_OFF = 'net::ERR_ABORTED', 'NS_BINDING_ABORTED'  # by the page itself
BETWEEN = '() => { const {position} = document.querySelector("progress"); return 0 < position && position < 1; }'


@pytest.fixture(params=[2, 4], ids=['htmx-2', 'htmx-4'], scope='module')
def options(request, npm_files): return ['--htmx', request.param, '--htmx-from', npm_files]


@pytest.fixture(scope='module')
def url(options):
    "A demo that the tests share"
    with demo(*options) as (_, url): yield url


@pytest.fixture
def failed(context):
    "The failed requests of the tabs, except streams that they closed; there must be none at the end"
    failed = []
    def note_failure(request):
        if request.failure not in BROKEN_OFF: failed.append(f'{request.failure} {request.url}')
    context.on('requestfailed', note_failure)
    def note_status(response):  # 304: a file is fresh, and the browser has asked, because the test took long
        if not response.ok and response.status != 304: failed.append(f'{response.status} {response.url}')
    context.on('response', note_status)
    yield failed
    assert not failed


def expect_live(tab): expect(tab.locator('#state')).to_have_text('Live')


def expect_count(tab, count): expect(tab.get_by_label('Counter')).to_have_text(str(count))


def expect_last(tab, text): expect(tab.locator('#todos > li').last).to_have_text(f'✓{text}')


@pytest.fixture
def open_tab(tabs, failed):
    "`open_tab(url)` opens the demo in a tab and waits until it is live"
    def open_tab(url):
        tab = tabs(url)
        expect_live(tab)
        return tab
    return open_tab


def test_tabs_follow_and_a_later_one_shows_the_same(open_tab, url):
    one, two = open_tab(url), open_tab(url)
    count = int(one.get_by_label('Counter').text_content())
    for tab in (one, one, one, two): tab.get_by_role('button', name='Add one').click()
    text = two.get_by_label('To do')
    text.fill(ITEM)
    text.press('Enter')
    for tab in (one, two):
        expect_count(tab, count + 4)
        expect_last(tab, ITEM)
    expect(text).to_have_value('')
    expect(text).to_be_focused()
    three = open_tab(url)
    expect_count(three, count + 4)
    expect_last(three, ITEM)
    three.get_by_role('button', name=f'Done: {ITEM}').click()
    for tab in (one, two, three): expect(tab.locator('#todos > li')).to_have_count(0)


def test_no_click_is_lost(open_tab, url):
    tab = open_tab(url)
    count = int(tab.get_by_label('Counter').text_content())
    tab.get_by_role('button', name='Add one').evaluate('button => { for (let n = 0; n < 10; n++) button.click() }')
    expect_count(tab, count + 10)


def test_a_job_moves_in_every_tab_and_leaves_when_it_is_done(open_tab, url):
    one, two = open_tab(url), open_tab(url)
    before = int(re.search(r'(\d+) finished', one.locator('#tally').text_content())[1])
    one.get_by_role('button', name='Start a job').click()
    for tab in (one, two):
        expect(tab.locator('#tally')).to_have_text(f'1 running, {before} finished')
        tab.wait_for_function(BETWEEN)
    for tab in (one, two):
        expect(tab.locator('#jobs label')).to_contain_text('Done')
        expect(tab.locator('#tally')).to_have_text(f'0 running, {before + 1} finished')
    for tab in (one, two): expect(tab.locator('#jobs > div')).to_have_count(0)


def test_a_button_in_a_row_that_changes_can_be_clicked(open_tab, url):
    one, two = open_tab(url), open_tab(url)
    one.get_by_role('button', name='Start a job').click()
    two.get_by_role('button', name='Stop job').click(delay=200)  # between press and release, the bar moves
    for tab in (one, two): expect(tab.locator('#jobs > div')).to_have_count(0)


def test_a_wave_reaches_the_other_tabs(open_tab, url):
    one, two, three = (open_tab(url) for _ in range(3))
    one.get_by_role('button', name='Wave').click()
    for tab in (two, three): expect(tab.locator('#waves')).to_have_text('Another tab waves.')
    expect(one.locator('#waves')).to_have_text('')
    two.get_by_role('button', name='Wave').click()
    expect(one.locator('#waves')).to_have_text('Another tab waves.')
    three.reload()
    expect_live(three)
    expect(three.locator('#waves')).to_have_text('')


def test_the_numbers_are_live(open_tab, url):
    one = open_tab(url)
    tabs, events, browsers = (one.locator(f'#number-{key} dd') for key in ('tabs', 'events', 'browsers'))
    expect(tabs).to_have_text('1')
    before = int(events.text_content())
    two = open_tab(url)
    expect(tabs).to_have_text('2')
    expect(browsers).to_have_text('1')
    two.get_by_role('button', name='Add one').click()
    expect(events).not_to_have_text(str(before))
    two.close()
    expect(tabs).to_have_text('1')


def test_a_restart_is_shown_and_the_page_goes_on(tabs, options, console):
    console.allow('net::ERR_', 'error: Event', 'error: {}', 'htmx:sse:error')  # while no page sends requests
    port = free_port()
    with demo(*options, port=port) as (_, url):
        tab = tabs(url)
        expect_live(tab)
        tab.get_by_role('button', name='Add one').click()
        expect_count(tab, 1)
        tab.get_by_label('To do').fill('half a thought')
    expect(tab.locator('#state')).to_have_text('Reconnecting…')
    with demo(*options, port=port) as (_, url):
        expect_live(tab)
        expect_count(tab, 0)
        expect(tab.get_by_label('To do')).to_have_value('half a thought')
        tab.get_by_role('button', name='Add one').click()
        expect_count(tab, 1)
        tab.close()


@pytest.mark.needs('colours')
def test_it_fits_a_phone_and_can_be_read(open_tab, url):
    tab = open_tab(url)
    text = tab.get_by_label('To do')
    text.fill('W' * 80)
    text.press('Enter')
    expect_last(tab, 'W' * 80)
    tab.add_style_tag(content='* { transition: none !important }')
    for width in (320, 1280):
        tab.set_viewport_size({'width': width, 'height': 800})
        assert tab.evaluate('document.documentElement.scrollWidth <= innerWidth')
    for scheme in ('light', 'dark'):
        tab.emulate_media(color_scheme=scheme)
        assert tab.evaluate(FAINT) == []
    tab.get_by_role('button', name='Done: W').click()
    expect(tab.locator('#todos > li')).to_have_count(0)
