"""The load generator of `tables.py`: a program that writes to a database and knows nothing of the package.

It opens `app.db` in its folder by Python's `sqlite3`. Each commit writes its number to the next job in turn. The answer
to a command has a list for each commit: number, id of the job, the time before the statement by the monotonic clock and
by the clock of the day, the time that the transaction took with the wait for its lock, and by how much the pause before
it was too long. Times are in seconds.
"""
import json
import sqlite3
import sys
import time
from random import Random

class Writer:
    "The connection, and the number of the last commit"
    def __init__(self):
        self.con = sqlite3.connect('app.db', isolation_level=None, timeout=10)
        self.con.execute('PRAGMA synchronous = NORMAL')
        self.jobs, = self.con.execute('SELECT count(*) FROM job').fetchone()
        self.number, self.rng = 0, Random(7)

    def commit(self) -> list:
        "Write the next number, and return the times"
        self.number += 1
        job, start = 1 + self.number % self.jobs, time.monotonic()
        self.con.execute('BEGIN IMMEDIATE')
        at, day = time.monotonic(), time.time()
        self.con.execute('UPDATE job SET number = ? WHERE id = ?', (self.number, job))
        self.con.execute('COMMIT')
        return [self.number, job, at, day, time.monotonic() - start]

    def run(self, n: int, pause: float) -> list:
        "Commit `n` times, with `pause` seconds between two on average"
        found = []
        for _ in range(n):
            end = time.monotonic() + self.rng.uniform(0, 2 * pause)
            time.sleep(max(0, end - time.monotonic()))
            late = time.monotonic() - end
            found.append([*self.commit(), late])
        return found

def main():
    writer = Writer()
    for line in sys.stdin:
        match line.split():
            case ['commit', n, pause]: print(json.dumps(writer.run(int(n), float(pause))), flush=True)

if __name__ == '__main__': main()
