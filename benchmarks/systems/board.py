"""The page that all servers of `live.py` show: ten lists of thirty jobs, each with a progress bar.

At the publish port, `.` writes to a random job of the next list, and `+` to the next job of the first list. A write
sets a job to the number of the write, so that a reader knows from the markup which writes it shows. `BENCH_INTERVAL` is
the seconds between two renderings of a list, for the servers that render lists.
"""
import os
from itertools import count, cycle
from random import Random
from fasthtml.common import Li, Progress, Span, Titled, Ul
from starlette.responses import JSONResponse
from common import serve

LISTS, JOBS, TOTAL = 10, 30, 1_000_000
INTERVAL = float(os.environ.get('BENCH_INTERVAL', '0.1'))

class Board:
    "The jobs, and how often the server has rendered a list, or a job alone"
    def __init__(self):
        self.done, self.rendered, self.numbers, rng = {}, 0, count(1), Random(7)
        self.order = {'.': ((number, rng.randrange(JOBS)) for number in cycle(range(LISTS))),
                      '+': ((0, job) for job in cycle(range(JOBS)))}

    def write(self, kind: str) -> tuple[int, int]: # Numbers of the list and the job
        "Write the next number to a job"
        place = next(self.order[kind])
        self.done[place] = next(self.numbers)
        return place

    def newest(self) -> list[int]: # For each list
        return [max(self.done.get((number, job), 0) for job in range(JOBS)) for number in range(LISTS)]

    def job(self, number: int, job: int, **attrs):
        "Return a job as an element"
        done = self.done.get((number, job), 0)
        return Li(Span(f'Import {job}'), Progress(value=done, max=TOTAL), Span(f'{done:,}'),
                  id=f'job-{number}-{job}', **attrs)

    def jobs(self, number: int, *first):
        "Return a list as an element: the children `first`, and its jobs"
        self.rendered += 1
        return Ul(*first, *(self.job(number, job) for job in range(JOBS)), id=f'jobs-{number}')

    def serve(self, app, show, publish):
        "Serve `app` with a page for each list, which has the element that `show` returns"
        @app.get('/list/{number}')
        def page(number: int): return Titled('Imports', show(number))
        @app.get('/state')
        def state(): return JSONResponse(dict(rendered=self.rendered, newest=self.newest()))
        serve(app, publish, '/list')
