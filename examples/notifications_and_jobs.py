"""The tutorial on notifications and jobs: a job outlives its page, and its user gets a notification.

    python examples/notifications_and_jobs.py    # then open http://localhost:5001, and sign in as ana

The button "Tonight" leaves the job to a worker, which cron would start in the same folder:

    PYTHONPATH=examples python -c 'from notifications_and_jobs import *; asyncio.run(work())'

Tutorial: https://cj-mills.github.io/cjm-fasthtml-sse/tutorials/notifications_and_jobs.html
"""

import asyncio, logging, sqlite3
from fasthtml.common import *
from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, OOBStreamBuilder, Publisher
from cjm_fasthtml_sse import create_sse_element, setup_broadcast_routes, sse_headers

JOBS = 'id integer primary key, user, report, state, done'

def connect():
    db = sqlite3.connect('reports.db', isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute(f'create table if not exists jobs ({JOBS})')
    db.execute('create table if not exists notes (id integer primary key, user, text)')
    return db

def rows(sql, *values): return [dict(row) for row in db.execute(sql, values)]

def save(job, **new):
    columns = ', '.join(f'{column} = ?' for column in new)
    sql = f'update jobs set {columns} where id = ? returning *'
    return rows(sql, *new.values(), job['id'])[0]

db, log = connect(), logging.getLogger('reports')

PARTS, REPORTS = 5, ('Sales', 'Stock')

async def write_part(report, part):
    await asyncio.sleep(0.1)
    if report == 'Stock' and part == 3: raise OSError('/srv/stock.csv is missing')

async def export(job):
    for part in range(1, PARTS + 1):
        await write_part(job['report'], part)
        job = save(job, done=part)
        if job['state'] == 'cancelled': return
        yield job
    yield save(job, state='done')

def finish(job):
    job, = rows('select * from jobs where id = ?', job['id'])
    text = f"Your {job['report']} report: {job['state']}"
    sql = 'insert into notes (user, text) values (?, ?) returning *'
    return rows(sql, job['user'], text)[0]

manager = BroadcastManager(backplane='sqlite:///reports.db')

async def notify(job):
    note = finish(job)
    await manager.send_to_user(note['user'], 'note', note, key='note')

async def run(job):
    topic = f"jobs/{job['user']}"
    try: await manager.stream_to(topic, export(job), 'job', None, key='job')
    except Exception:
        log.exception('An export failed')
        save(job, state='failed')
    await notify(job)

running = {}

async def lifespan(app):
    left = rows("select * from jobs where state = 'running'")
    for job in left: await notify(save(job, state='failed'))
    yield
    for task in running.values(): task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)

BUSY = ('waiting', 'running', 'working')
INTO_NOW = dict(hx_target='#now', hx_swap='innerHTML')

def job_of(user):
    found = rows('select * from jobs where user = ? order by id desc limit 1', user)
    return found[0] if found else None

def is_busy(job): return job is not None and job['state'] in BUSY

def card(job):
    if job is None: return P('No report yet')
    about = P(f"{job['report']}: {job['state']}, {job['done']} of {PARTS}")
    if not is_busy(job): return about
    cancel = Button('Cancel', hx_post='/my/cancel', hx_swap='none', cls='outline')
    return about, Progress(value=job['done'], max=PARTS), cancel

def note_card(note):
    seen = dict(hx_post=f"/my/seen/{note['id']}", cls='outline')
    return Article(P(note['text']), Button('Seen', **seen, **INTO_NOW))

def shown(user):
    notes = rows('select * from notes where user = ? order by id', user)
    cards = map(note_card, notes)
    return Article(card(job_of(user)), id='job'), Div(*cards, id='notes')

def show(kind, data):
    pieces = OOBStreamBuilder()
    if kind == 'job': return pieces.add_element(card(data), 'job').build()
    text = P(data['text'], hx_get='/my/now', hx_trigger='load', **INTO_NOW)
    return pieces.add_element(text, 'notes').build()

USERS = {'ana', 'ben'}

def who_is_it(req, sess):
    auth = req.scope['auth'] = sess.get('auth')
    if auth is None and req.url.path.startswith('/my'): return Redirect('/')

def may_read(auth, topics): return [t for t in topics if auth and t == f'jobs/{auth}']

css = Style("""
    #notes article { display: flex; justify-content: space-between }
    #notes p { margin: auto 0 }""")
hdrs = *sse_headers(), css
app, rt = fast_app(hdrs=hdrs, before=who_is_it, lifespan=lifespan)
mine = AccessPolicy(authorize=may_read)
setup_broadcast_routes(app, manager, element_builder=show, policy=mine)

@rt('/')
def index():
    form = Form(Input(name='name'), Button('Sign in'), action='/sign-in')
    return Titled('Who are you?', form)

@rt('/sign-in')
def sign_in(name: str, sess):
    if name not in USERS: return Response('Unknown user', status_code=403)
    sess['auth'] = name
    return Redirect('/my/reports')

@rt('/my/reports')
async def reports(auth):
    more = dict(topics=[f'jobs/{auth}'], cursor=manager.cursor(), refresh='/my/now')
    stream = create_sse_element('/sse/broadcast', 'now', 'none', **more)
    report = Select(*map(Option, REPORTS), name='report', aria_label='Report')
    later = Button('Tonight', name='later', value='1', cls='secondary')
    fields = Fieldset(report, Button('Export'), later, role='group')
    form = Form(fields, hx_post='/my/start', hx_swap='none')
    return Titled('Reports', form, stream(*shown(auth)))

@rt('/my/now')
async def now(auth): return shown(auth)

async def announce(job):
    topic = f"jobs/{job['user']}"
    await manager.broadcast('job', job, topic=topic, key='job')

@app.post('/my/start')
async def start(report: str, auth, later: bool = False):
    if is_busy(job_of(auth)): return Response('One report at a time', status_code=409)
    sql = 'insert into jobs values (null, ?, ?, ?, 0) returning *'
    job, = rows(sql, auth, report, 'waiting' if later else 'running')
    await announce(job)
    if not later: running[auth] = asyncio.create_task(run(job))

@app.post('/my/cancel')
async def cancel(auth):
    job = job_of(auth)
    if is_busy(job): await announce(save(job, state='cancelled'))

@app.post('/my/seen/{id}')
async def seen(id: int, auth):
    db.execute('delete from notes where id = ? and user = ?', (id, auth))
    await manager.send_to_user(auth, 'note', {'text': ''}, key='note')
    return shown(auth)

async def work():
    todo = "select * from jobs where state in ('waiting', 'working')"
    async with Publisher('sqlite:///reports.db') as p:
        while jobs := rows(todo):
            job = save(jobs[0], state='working', done=0)
            to = dict(topic=f"jobs/{job['user']}", key='job')
            try:
                async for row in export(job): await p.publish_async('job', row, **to)
            except Exception:
                log.exception('An export failed')
                save(job, state='failed')
            await p.publish_async('note', finish(job), **to | dict(key='note'))

serve()
