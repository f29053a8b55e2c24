"The state that all tabs of the demo show, in a small database that several workers share"
import sqlite3
import time
from dataclasses import dataclass

MAX_ITEMS = 8  # the oldest is removed first
MAX_JOBS = 4
STEPS = 50
SHOWN = 5  # seconds after its last step in which a job is shown
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

    def __post_init__(self):
        self.db = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
        if self.path != ':memory:': self.db.executescript('pragma journal_mode=wal; pragma synchronous=off')
        self.db.executescript(TABLES)

    def rows(self, sql, *values): return self.db.execute(sql, values).fetchall()

    def count(self) -> int: return self.rows('select number from counter')[0][0]

    def add_one(self): self.rows('update counter set number = number + 1')

    def todos(self) -> dict[int, str]: return dict(self.rows('select number, text from todo order by number'))

    def add_todo(self, text: str):
        with self.db:
            self.rows('begin immediate')
            self.rows('insert into todo (text) values (?)', text)
            newest = 'select number from todo order by number desc limit ?'
            self.rows(f'delete from todo where number not in ({newest})', MAX_ITEMS)

    def remove_todo(self, number: int): self.rows('delete from todo where number = ?', number)

    def jobs(self) -> list[tuple[int, int, float]]: # Number, step and time of the step, of those to be shown
        return self.rows('select number, step, moved from job where moved > ? order by number', time.time() - SHOWN)

    def finished(self) -> int: return self.rows('select count(*) from job where step = ?', STEPS)[0][0]

    def start_job(self) -> int | None: # Its number; None if `MAX_JOBS` are running
        with self.db:
            self.rows('begin immediate')
            if sum(step < STEPS for _, step, _ in self.jobs()) >= MAX_JOBS: return None
            return self.db.execute('insert into job (step, moved) values (0, ?)', (time.time(),)).lastrowid

    def advance(self, number: int) -> bool: # Whether the job is still running
        moved = 'update job set step = step + 1, moved = ? where number = ? returning step'
        return any(step < STEPS for (step,) in self.rows(moved, time.time(), number))

    def stop_job(self, number: int): self.rows('delete from job where number = ? and step < ?', number, STEPS)
