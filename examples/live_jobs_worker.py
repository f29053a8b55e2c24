"""The worker of live_jobs.py: it takes the oldest job, and writes each step.

    python examples/live_jobs_worker.py    # in the folder in which live_jobs.py runs

It needs nothing but Python. A job that it had when it was killed is started anew by the next worker. Run one at a time.
"""

import os, sqlite3, time

PAUSE, REPORT = 0.1, 1.0 # Seconds of a step; seconds between two reports

def report(con):
    "Write that the worker runs"
    con.execute('INSERT OR REPLACE INTO worker VALUES (1, ?)', [time.time()])

def take(con):
    "Return the id and the steps of the oldest job that waits, or None"
    oldest = "(SELECT min(id) FROM job WHERE state = 'waiting')"
    sql = f"UPDATE job SET state = 'running', done = 0 WHERE id = {oldest} RETURNING id, steps"
    found = con.execute(sql).fetchall() # All, since the transaction ends with the last row
    return found[0] if found else None

def step(con, job, done):
    "Write that so many steps are done; return whether the job goes on"
    id, steps = job
    state = 'done' if done == steps else 'running'
    sql = "UPDATE job SET done = ?, state = ? WHERE id = ? AND state = 'running'"
    return con.execute(sql, (done, state, id)).rowcount and state == 'running'

def work(con):
    "Work until Ctrl-C"
    con.execute("UPDATE job SET state = 'waiting' WHERE state = 'running'")
    job, done, reported = None, 0, 0
    while True:
        if time.monotonic() > reported + REPORT:
            report(con)
            reported = time.monotonic()
        if job is None: job, done = take(con), 0
        time.sleep(PAUSE)
        if job is not None:
            done += 1
            if not step(con, job, done): job = None

if __name__ == '__main__':
    con = sqlite3.connect(os.environ.get('LIVE_JOBS_DB', 'jobs.db'), timeout=5, isolation_level=None)
    if not con.execute("SELECT 1 FROM sqlite_schema WHERE name = 'worker'").fetchone():
        raise SystemExit('There is no table of jobs; start live_jobs.py in this folder first')
    try: work(con)
    except KeyboardInterrupt: pass
    finally: con.close()
