"""Jobs on a live table: another program works on them, and all tabs follow.

    python examples/live_jobs.py           # then open http://localhost:5001 in two windows
    python examples/live_jobs_worker.py    # in another terminal, in the same folder

The worker imports only Python's own `sqlite3`. The lines that end in `# live` make the page follow its writes. The
variable `LIVE_JOBS_DB` names another file for the database of both. The page about databases explains live tables:
https://cj-mills.github.io/cjm-fasthtml-sse/explains/databases.html
"""

import os, time
from fasthtml.common import *
from fastlite import database
from cjm_fasthtml_sse import Live  # live

REPORTS = 'Sales', 'Stock', 'Visitors', 'Deliveries'
STEPS, SILENCE = 100, 3 # Steps of a job; seconds after which a worker that does not report counts as stopped
BUSY = 'waiting', 'running'

class Job:
    id: int
    name: str
    state: str # waiting, running, done or cancelled
    done: int # Steps
    steps: int

class Worker:
    id: int
    seen: float # Seconds as of `time.time()`

db = database(os.environ.get('LIVE_JOBS_DB', 'jobs.db'))
db.conn.set_busy_timeout(5000) # Milliseconds to wait for the worker
jobs, workers = db.create(Job, pk='id'), db.create(Worker, pk='id')

css = Style("""
    .about { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; justify-content: space-between; margin-bottom: 1rem;
        color: var(--pico-muted-color) }
    .about p { margin: 0 }
    #summary { display: flex; flex-wrap: wrap; gap: 0 1.25rem }
    .about b { color: var(--pico-color); font-variant-numeric: tabular-nums }
    .dot::before { content: ''; display: inline-block; width: .625rem; height: .625rem; margin-right: .5rem;
        border-radius: 50%; background: #e53935 }
    .dot.on::before { background: #43a047 }
    #jobs { padding: 0; display: grid; gap: .5rem }
    #jobs li { list-style: none; margin: 0; padding: .75rem 1rem; border: 1px solid var(--pico-muted-border-color);
        border-radius: .5rem; display: grid; grid-template-columns: 1fr 7.5rem; gap: .25rem 1rem; align-items: center;
        background: var(--pico-card-background-color) }
    #jobs li.none { display: block; text-align: center; color: var(--pico-muted-color); border-style: dashed }
    #jobs small { color: var(--pico-muted-color); font-variant-numeric: tabular-nums; margin-left: .5rem }
    #jobs button { grid-column: 2; grid-row: 1 / 3; margin: 0; padding: .5rem }
    #jobs progress { margin: .25rem 0 0; transition: none }
    #jobs .cancelled progress { opacity: .4 }""")

app, rt = fast_app(hdrs=[css])
live = Live(app, db)  # live

@live.region(jobs)  # live
def summary():
    counts = {row['state']: row['n'] for row in db.q('SELECT state, count(*) n FROM job GROUP BY state')}
    states = [Span(B(counts.get(state, 0)), f' {state}') for state in ('running', 'waiting', 'done', 'cancelled')]
    return P(*states, id='summary')

@live.region(workers)  # live
def worker():
    newest = max((each.seen for each in workers()), default=0)
    is_on = time.time() < newest + SILENCE
    if is_on: live.until(newest + SILENCE)  # live
    about = 'The worker runs' if is_on else ('No worker runs. Start ', Code('live_jobs_worker.py'))
    return P(about, id='worker', cls='dot on' if is_on else 'dot', role='status')

@live.rows(jobs, order_by='id DESC', limit=50, empty=Li('No reports yet', cls='none'))  # live
def job(row):
    is_busy, url = row.state in BUSY, f'/jobs/{row.id}'
    if is_busy: button = Button('Cancel', hx_post=f'{url}/cancel', hx_swap='none', cls='outline secondary')
    else: button = Button('Again', hx_post=f'{url}/again', hx_swap='none', cls='outline')
    about = Div(Strong(row.name), Small(f'{row.state}, {100 * row.done // row.steps} %'))
    bar = Progress(value=row.done, max=row.steps, aria_label=row.name)
    return Li(about, bar, button, id=f'job-{row.id}', cls=row.state)

# All handlers run on the loop, one at a time, because they share a connection.

@rt('/')
async def index():
    name = Select(*map(Option, REPORTS), name='name', aria_label='Report')
    form = Form(Fieldset(name, Button('Start'), role='group'), hx_post='/jobs', hx_swap='none')
    return Titled('Reports', form, Div(summary(), worker(), cls='about'), Ul(job(), id='jobs'))

@app.post('/jobs')
async def start(name: str): jobs.insert(name=name[:100], state='waiting', done=0, steps=STEPS)

@app.post('/jobs/{id}/cancel')
async def cancel(id: int):
    "Cancel a job; one that has ended meanwhile stays as it is"
    db.execute("UPDATE job SET state = 'cancelled' WHERE id = ? AND state IN ('waiting', 'running')", [id])

@app.post('/jobs/{id}/again')
async def again(id: int):
    "Start a job anew that has ended"
    db.execute("UPDATE job SET state = 'waiting', done = 0 WHERE id = ? AND state IN ('done', 'cancelled')", [id])

serve()
