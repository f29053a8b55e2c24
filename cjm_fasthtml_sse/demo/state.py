"The state that all tabs of the demo show, in a small database that several workers share"
import sqlite3
import time
from dataclasses import dataclass

MAX_ITEMS = 8  # the oldest is removed first
MAX_JOBS = 6
STALLED = 10  # seconds without a step after which a job counts as dead
TABLES = '''
    create table if not exists counter (only integer primary key, number integer not null);
    insert or ignore into counter values (1, 0);
    create table if not exists todo (number integer primary key autoincrement, text text not null);
    create table if not exists job (number integer primary key autoincrement, step integer not null, moved real);
'''


@dataclass
class State:
    "The state; each change is one statement or transaction of microseconds"
    path: str = ':memory:'
    steps: int = 50 # Steps of a job

    def __post_init__(self):
        self.db = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
        if self.path != ':memory:': self.db.executescript('pragma journal_mode=wal; pragma synchronous=off')
        self.db.executescript(TABLES)

    def one(self, sql, *values): return self.db.execute(sql, values).fetchone()[0]

    @property
    def count(self) -> int: return self.one('select number from counter')

    def add_one(self): self.db.execute('update counter set number = number + 1')

    @property
    def todos(self) -> dict[int, str]: return dict(self.db.execute('select number, text from todo order by number'))

    def add_todo(self, text: str):
        with self.db:
            self.db.execute('begin immediate')
            self.db.execute('insert into todo (text) values (?)', (text,))
            newest = 'select number from todo order by number desc limit ?'
            self.db.execute(f'delete from todo where number not in ({newest})', (MAX_ITEMS,))

    def remove_todo(self, number: int) -> bool:
        return self.db.execute('delete from todo where number = ?', (number,)).rowcount > 0

    def start_job(self) -> int | None: # Its number; None if `MAX_JOBS` are running
        with self.db:
            self.db.execute('begin immediate')
            if self.tally()['running'] >= MAX_JOBS: return None
            return self.db.execute('insert into job (step, moved) values (0, ?)', (time.time(),)).lastrowid

    def advance(self, number: int) -> int: # The new step
        moved = 'update job set step = step + 1, moved = ? where number = ? returning step'
        return self.one(moved, time.time(), number)

    def step(self, number: int) -> int: # The last step for an unknown job
        return self.one('select coalesce((select step from job where number = ?), ?)', number, self.steps)

    def tally(self) -> dict[str, int]:
        running = 'select count(*) from job where step < ? and moved > ?'
        finished = self.one('select count(*) from job where step >= ?', self.steps)
        return dict(running=self.one(running, self.steps, time.time() - STALLED), finished=finished)
