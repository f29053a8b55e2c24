"Small pages, what a person does with each, and the answers of the server: run by the test kit and by a browser"

# ruff: noqa: E501 - HTML is easier to read in one line
from dataclasses import dataclass, field

from fasthtml.common import Safe, to_xml

from cjm_fasthtml_sse.browser.elements import create_sse_element


@dataclass(frozen=True)
class Answer:
    "A canned response"
    body: str = ''
    status: int = 200
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    "A page and what happens to it"
    name: str
    html: str  # content of the body
    css: str = '#go'  # element that acts
    answer: Answer = Answer('<b>new</b>')
    button: str | None = None  # button that submits the form
    fields: dict = field(default_factory=dict)
    majors: tuple = (2, 4)
    event: str = 'click'


STYLES = 'innerHTML outerHTML textContent beforebegin afterbegin beforeend afterend delete none'.split()
PAGE = '<main><button id="go" hx-post="/a" hx-target="#t" hx-swap="{}">Go</button><ul id="t"><li id="one">1</li>two</ul><p id="o" class="k">o</p></main>'
BODY = 'text<li id="one" class="x">new</li> <li>b</li>'


def page(style='innerHTML', **attrs):
    html = PAGE.format(style)
    for name, value in attrs.items(): html = html.replace('<button', f"<button {name.replace('_', '-')}='{value}'")
    return html


def swaps():
    for style in STYLES: yield Case(f'style {style}', page(style), answer=Answer(BODY))
    for style in ('before', 'after', 'prepend', 'append', 'innerMorph', 'outerMorph', 'innerHTML target:#o',
        'innerHTML strip:true'):
        yield Case(f'style {style}', page(style), answer=Answer(BODY), majors=(4,))
    yield Case('modifiers', page('beforeend settle:30ms swap:10ms scroll:bottom'), answer=Answer(BODY))
    yield Case('modifier alone', page('settle:30ms'), answer=Answer(BODY))
    yield Case('empty answer', page(), answer=Answer(''))
    yield Case('whole page', page(),
        answer=Answer('<!doctype html><html><head><title>new</title></head><body class="b"><i>1</i></body></html>'))
    yield Case('body replaces body', '<button id="go" hx-get="/a" hx-target="body" hx-swap="outerHTML">Go</button>',
               answer=Answer('<body class="b"><i>1</i></body>'))
    yield Case('title', page(), answer=Answer('<title>new</title><i>1</i>'))
    yield Case('inner title', page(), answer=Answer('<div><title>new</title><i>1</i></div>'))
    yield Case('title of an icon', page(), answer=Answer('<svg><title>icon</title></svg>'))
    yield Case('title ignored', page('innerHTML ignoreTitle:true'), answer=Answer('<title>new</title><i>1</i>'))
    yield Case('head before', page(), answer=Answer('<head><title>new</title></head><i>1</i>'))
    yield Case('select', page(hx_select='.s'), answer=Answer('<div><i class="s">1</i></div><b class="s">2</b><u>3</u>'))
    yield Case('select oob', page(hx_select_oob='#o'), answer=Answer('<p id="o">new</p><i>1</i>'))
    yield Case('select oob with style', page(hx_select_oob='#o:beforeend, #x'),
        answer=Answer('<p id="o">new</p><i>1</i>'))
    yield Case('preserve', page(), answer=Answer('<div><p id="o" hx-preserve>new</p><p id="n" hx-preserve>n</p></div>'))
    yield Case('rows',
        '<table><tbody id="t"></tbody></table><button id="go" hx-post="/a" hx-target="#t" hx-swap="beforeend">Go</button>',
               answer=Answer('<tr id="r"><td>1</td></tr><tr><td>2</td></tr>'))
    yield Case('row out of band',
        '<table><tbody id="t"><tr id="r"><td>0</td></tr></tbody></table><button id="go" hx-post="/a" hx-swap="none">Go</button>',
               answer=Answer('<template><tr id="r" hx-swap-oob="true"><td>1</td></tr></template>'), majors=(2,))
    yield Case('row first',
        '<table><tbody id="t"><tr id="r"><td>0</td></tr></tbody></table><button id="go" hx-post="/a" hx-swap="none">Go</button>',
               answer=Answer('<tr id="r" hx-swap-oob="true"><td>1</td></tr>'))


def oobs():
    for value in ('true', 'outerHTML', 'innerHTML', 'beforeend', 'afterbegin', 'beforebegin', 'afterend', 'delete',
        'none'):
        yield Case(f'oob {value}', page(), answer=Answer(f'<i>1</i><p id="o" hx-swap-oob="{value}"><u>2</u></p>'))
    for value in ('beforeend:#o', 'outerHTML:p.k', 'innerHTML:#one', 'delete:.k', 'innerHTML:#no', 'true:#o'):
        if value == 'true:#o': continue
        yield Case(f'oob {value}', page('none'), answer=Answer(f'<u hx-swap-oob="{value}"><s>2</s>t</u>'))
    for value in ('append', 'innerMorph', 'outerMorph', 'innerHTML target:#one', 'beforeend strip:false'):
        yield Case(f'oob {value}', page('none'), answer=Answer(f'<p id="o" hx-swap-oob="{value}"><s>2</s></p>'),
            majors=(4,))
    yield Case('oob data-', page(), answer=Answer('<p id="o" data-hx-swap-oob="true">2</p><i>1</i>'))
    yield Case('oob nested', page(), answer=Answer('<div><i>1</i><p id="o" hx-swap-oob="true">2</p></div>'))
    yield Case('oob in oob', page(),
        answer=Answer('<p id="o" hx-swap-oob="true">2<b id="one" hx-swap-oob="true">3</b></p>'))
    yield Case('oob only', page(), answer=Answer('<p id="o" hx-swap-oob="true">2</p>'))
    yield Case('oob in template', page(),
        answer=Answer('<i>1</i><template><p id="o" hx-swap-oob="true">2</p></template>'))
    yield Case('oob without id', page(), answer=Answer('<i>1</i><p hx-swap-oob="true">2</p>'))
    yield Case('oob without target', page(), answer=Answer('<i>1</i><p id="no" hx-swap-oob="true">2</p>'))
    yield Case('oob empty value', page(), answer=Answer('<i>1</i><p id="o" hx-swap-oob="">2</p>'))
    yield Case('oob of what is replaced', page(), answer=Answer('<i>1</i><b id="one" hx-swap-oob="true">2</b>'))
    yield Case('oob of what comes', page(), answer=Answer('<i id="n">1</i><b id="n" hx-swap-oob="true">2</b>'))
    yield Case('oob to several', page('none') + '<p class="k">a</p>',
        answer=Answer('<u hx-swap-oob="beforeend:.k"><s>2</s></u>'))
    yield Case('partial', page(), answer=Answer('<hx-partial hx-target="#o" hx-swap="beforeend"><s>2</s></hx-partial>'),
        majors=(4,))
    yield Case('partial and more', page(), answer=Answer('<i>1</i><hx-partial hx-target="#o"><s>2</s>t</hx-partial>'),
        majors=(4,))
    yield Case('partial by id', page(), answer=Answer('<hx-partial id="o"><s>2</s></hx-partial>'), majors=(4,))
    yield Case('partial with oob', page(),
        answer=Answer('<hx-partial hx-target="#o"><s id="one" hx-swap-oob="true">2</s></hx-partial>'), majors=(4,))


def answers():
    for status in (201, 204, 304, 400, 404, 422, 500): yield Case(f'status {status}', page(),
        answer=Answer('<b>new</b>' if status not in (204, 304) else '', status))
    yield Case('status attribute', page(**{'hx-status-404': 'swap:beforeend target:#o'}),
        answer=Answer('<b>new</b>', 404), majors=(4,))
    yield Case('status group', page(**{'hx-status-4xx': 'swap:none'}), answer=Answer('<b>new</b>', 404), majors=(4,))
    heads = [{'HX-Retarget': '#o'}, {'HX-Reswap': 'beforeend'}, {'HX-Reselect': 'i'}, {'HX-Trigger': 'one, two'},
             {'HX-Trigger': '{"one": {"n": 1}, "two": "x", "three": {"target": "#o"}}'}, {'HX-Trigger-After-Swap': 'one'},
             {'HX-Trigger-After-Settle': '{"one": 1}'},
             {'HX-Push-Url': '/pushed'}, {'HX-Replace-Url': '/put'}]
    for head in heads: yield Case(f'header {head}', page(), answer=Answer('<b>new</b><i>2</i>', headers=head))
    gone = {'HX-Reswap': 'outerHTML', 'HX-Trigger': 'one', 'HX-Trigger-After-Swap': 'two',
        'HX-Trigger-After-Settle': 'three'}
    yield Case('element gone', '<p id="p"><button id="go" hx-get="/a">Go</button></p>',
        answer=Answer('<b>new</b>', headers=gone))
    yield Case('retarget this', page(), answer=Answer('<b>new</b>', headers={'HX-Retarget': 'this', **gone}),
        majors=(2,))
    for value in ('true', '/there', 'false'):
        yield Case(f'push {value}', page(hx_push_url=value), answer=Answer('<b>new</b>'))
        yield Case(f'put {value}', page(hx_replace_url=value), answer=Answer('<b>new</b>'))


FORM = '''<form id="f" {}><input name="title" value="a"><input name="done" type="checkbox"><input type="checkbox" name="tag" value="x" checked>
<input type="checkbox" name="tag" value="y"><input type="radio" name="size" value="s"><input type="radio" name="size" value="m" checked>
<select name="one"><option value="1">a</option><option>two  words</option></select><select name="many" multiple><option selected>p</option>
<option selected>q</option></select><textarea name="text">
line
two</textarea><input type="hidden" name="h" value="&amp;"><input name="off" disabled value="1"><input type="file" name="up">
<fieldset disabled><legend><input name="leg" value="1"></legend><input name="no" value="1"></fieldset><input type="range" name="r">
<input type="color" name="c"><input name="" value="x"><input type="number" name="n" value="zz"><output name="out">5</output>
<button id="s" name="save" value="yes">Save</button><button id="d" name="save" value="draft" {}>Draft</button>
{}</form><input name="far" form="f" value="é+ &amp;">'''


def form(attrs='hx-post="/a"', inner='', draft=''): return FORM.replace('<input type="file" name="up">',
    '').format(attrs, draft, inner)


def requests():
    for verb in ('get', 'post', 'put', 'patch', 'delete'):
        yield Case(f'form {verb}', form(f'hx-{verb}="/a?x=1&title=0#h"'), '#f', button='#s')
        yield Case(f'button in a form {verb}', form('',
            f'<button type="button" id="go" name="go" value="1" hx-{verb}="/a">x</button>'))
        yield Case(f'submit button in a form {verb}', form('',
            f'<button id="go" name="go" value="1" hx-{verb}="/a">x</button>'))
        yield Case(f'div in a form {verb}', form('', f'<div id="go" hx-{verb}="/a"><input name="in" value="1">x</div>'))
        yield Case(f'field {verb}', f'<input id="go" name="q" value="1" hx-swap="none" hx-{verb}="/a">', event='change')
        yield Case(f'boosted form {verb}', form(f'hx-boost="true" action="/b?q=1" method="{verb}"'), '#f',
            button='#s') \
            if verb in ('get', 'post') else Case(f'div {verb}',
                f'<div id="go" hx-{verb}="/a"><input name="in" value="1">x</div>')
    yield Case('filled', form(), '#f', button='#d', fields=dict(title='Milk & eggs', done=True, tag=['y'], size='s',
        one='two words', many=['q'], text='a\nb'))
    yield Case('button with its own action', form('hx-post="/a"', draft='formaction="/d" formmethod="put"'), '#f',
        button='#d')
    yield Case('multipart', form('hx-post="/a" hx-encoding="multipart/form-data"'), '#f', button='#s')
    yield Case('multipart enctype', form('hx-post="/a" enctype="multipart/form-data"'), '#f', button='#s')
    yield Case('vals', page(hx_vals='{"a": 1, "b": "x y", "c": true, "d": null, "e": 1.5}'))
    yield Case('vals over fields', form('''hx-post="/a" hx-vals='{"title": "v", "tag": "z"}' '''), '#f', button='#s')
    yield Case('vals list', page(hx_vals='{"a": [1, 2], "o": {"k": [1]}}'))
    yield Case('vals without braces', page(hx_vals='"a": 1'), majors=(2,))
    yield Case('vals pairs', page(hx_vals='a:1 b:"x y"'), majors=(4,))
    yield Case('vals merged', f"""<div hx-vals='{{"a": 1, "b": 1}}'>{page(hx_vals='{"a": 2}')}</div>""")
    yield Case('vals appended',
        f"""<div hx-vals-inherited='"a":1'>{page().replace('<button', "<button hx-vals-append='b:2'")}</div>""",
        majors=(4,))
    yield Case('headers', page(hx_headers='{"X-A": "1", "HX-Target": "no", "X-B": 2}', name='n'))
    yield Case('include',
        page(hx_include='#o, [name=i]') + '<p><input name="i" value="1"><input name="j" value="2"></p>')
    yield Case('include form', page(hx_include='#f') + form(''))
    yield Case('include closest', form('hx-include="closest form"',
        '<div id="go" hx-get="/a" hx-include="closest form">x</div>'))
    yield Case('include next',
        page(hx_include='next .b') + '<div class="b"><input name="i" value="1"><select name="s"><option>1</option></select></div>')
    for value in ('none', 'title,done', 'not title', '*'):
        yield Case(f'params {value}', form(f'hx-post="/a" hx-params="{value}"'), '#f', button='#s', majors=(2,))
    for value in ('this', 'closest main', 'next p', 'previous main', 'find i', 'next', 'body', '#o', 'closest button'):
        html = f'<main id="m"><button id="go" hx-get="/a" hx-target="{value}">Go<i>i</i></button><b>b</b><p id="o"></p></main>'
        if value != 'previous main': yield Case(f'target {value}', html)
    for major, suffix in ((2, ''), (4, '-inherited')):
        inner = page().replace("hx-target", "x").replace("hx-swap", "y")
        yield Case('target of an ancestor', f'<div hx-target{suffix}="#o" hx-swap{suffix}="beforeend">{inner}</div>',
            majors=(major,))
        yield Case('target this of an ancestor',
            f'<div hx-target{suffix}="this"><p><button id="go" hx-get="/a">Go</button></p></div>', majors=(major,))
        yield Case('boosted link', f'<div hx-boost{suffix}="true"><a id="go" href="/b?x=1">b</a></div>',
            majors=(major,))
        yield Case('boosted link with a target',
            f'<p id="o"></p><div hx-boost{suffix}="true" hx-target{suffix}="#o"><a id="go" href="sub">b</a></div>',
            majors=(major,))
    yield Case('disinherit',
        '<div hx-target="#o" hx-disinherit="hx-target"><button id="go" hx-get="/a">Go</button></div><p id="o"></p>')
    yield Case('data- spelling',
        '<button id="go" data-hx-get="/a" data-hx-target="#o" data-hx-swap="afterend">Go</button><p id="o"></p>')
    yield Case('link with hx-get', '<a id="go" href="/other" hx-get="/a?x=%20y">b</a>')
    yield Case('current url', '<button id="go" hx-post="">Go</button>', majors=(2,))
    yield Case('relative', '<button id="go" hx-get="sub/x">Go</button>')
    yield Case('ids with signs',
        '<button id="go" name="ä" hx-get="/a" hx-target="[id=\'ü:1\']">Go</button><p id="ü:1"></p>', majors=(4,))


# For messages: the page, and the frames of the stream
@dataclass(frozen=True)
class Message:
    "A page with an element for a stream, and the events that arrive"
    name: str
    html: str
    events: tuple  # name and data of each
    majors: tuple = (2, 4)


def element(*args, children='', **kwargs):
    elt = create_sse_element('/stream', 'news', *args, **kwargs)
    return to_xml(elt(Safe(children)), indent=False)


OTHER = '<p id="o">o</p><ul id="t"><li>1</li></ul>'
EVENTS = ('', '<i>1</i>'), ('job', '<b>2</b>'), ('', '<p id="o" hx-swap-oob="true">3</p>'), ('message',
    '{"a": 1}'), ('', 'text')


def messages():
    for style in ('message', 'beforeend', 'afterbegin', 'beforebegin', 'afterend', 'none', 'job', 'job,message',
        'textContent'):
        yield Message(f'element {style}', element(style, children='<s>0</s>') + OTHER, EVENTS)
    for style in ('outerHTML', 'delete'):
        yield Message(f'element {style}', f'<div>{element(style)}</div>{OTHER}', EVENTS[:2])
    yield Message('named with a style', element('job', hx_swap='beforeend') + OTHER, EVENTS)
    yield Message('target', element('beforeend', hx_target='#t') + OTHER, EVENTS)
    yield Message('parts', element('message',
        children='<b data-sse-swap="job" hx-swap="afterend">b</b><u data-sse-swap="job, x">u</u>') + OTHER,
                  EVENTS[1:2])
    yield Message('parts and all', element('none',
        children='<b data-sse-swap="job">b</b><u data-sse-swap="message">u</u>') + OTHER, EVENTS)
    oob = '<div><p id="o" hx-swap-oob="true">3</p></div>', '<li hx-swap-oob="beforeend:#t"><b>4</b></li>', '<p id="o" hx-swap-oob="delete"></p>and more'
    for i, html in enumerate(oob): yield Message(f'out of band {i}', element(children='old') + OTHER, (('', html),))
    yield Message('out of band named', element('job', hx_swap='beforeend', children='old') + OTHER,
        (('job', oob[0]), ('job', oob[1])))
    rows = '<template><tr id="r" hx-swap-oob="true"><td>1</td></tr></template>'
    yield Message('row', element(children='old') + '<table><tr id="r"><td>0</td></tr></table>', (('', rows),), (2,))
    yield Message('by hand',
        f'<div id="h" hx-ext="sse" sse-connect="/stream" sse-swap="job" sse-close="sse-close" hx-swap="beforeend">h</div>{OTHER}',
                  EVENTS, (2,))
    yield Message('by hand',
        f'<div id="h" hx-sse-connect="/stream" hx-sse-close="sse-close" hx-swap="beforeend">h</div>{OTHER}', EVENTS,
        (4,))
    yield Message('by hand with select',
        f'<div id="h" hx-sse-connect="/stream" hx-sse-close="sse-close" hx-select="i" hx-target="#o">h</div>{OTHER}',
                  (('', '<b>1</b><i>2</i>'),), (4,))


MESSAGES = [*messages()]


def plain():
    "Links and forms without htmx"
    yield Case('link', '<a id="go" href="../x?q=1#h">x</a>')
    yield Case('inside a link', '<a href="/x?a=b c"><b id="go">x</b></a>')
    for attrs in ('action="/a?old=1"', 'method="post" action="/a?old=1"', 'method="post" enctype="multipart/form-data" action="sub"', ''):
        yield Case(f'form {attrs}', form(attrs), '#f', button='#s', fields=dict(title='Milk & eggs', text='a\nb'))
    yield Case('button with its own action', form('action="/a"', draft='formmethod="post" formaction="/d"'), '#f', button='#d')


def followed():
    "Answers after which htmx sends another request, or loads a page"
    for value in ('/next?x=1', '{"path": "/next", "target": "#o", "swap": "beforeend", "values": {"a": 1}}',
                  '{"path": "/next", "headers": {"X-A": "1"}, "select": "b"}'):
        yield Case(f'location {value}', page(), answer=Answer('', headers={'HX-Location': value, 'HX-Trigger': 'one'}))
    yield Case('redirect', page(), answer=Answer('', headers={'HX-Redirect': '../x'}))
    yield Case('refresh', page(), answer=Answer('', headers={'HX-Refresh': 'true'}))


PLAIN, FOLLOWED = [*plain()], [*followed()]
CASES = [*swaps(), *oobs(), *answers(), *requests()]
