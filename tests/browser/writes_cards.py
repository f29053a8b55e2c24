"A program that writes cards at random: `writes_cards.py DATABASE SEED`. It imports nothing of the package"
import contextlib
import random
import sqlite3
import sys

ACTS = ('insert', 'update', 'delete', 'move', 'bulk', 'rollback', 'key')


def edit(con, rnd):
    "Write at random, as a program would"
    ids = [id for id, in con.execute('SELECT id FROM card')]
    act = rnd.choice(ACTS) if ids else 'insert'
    if len(ids) > 20: act = 'delete'
    one, n = ids and rnd.choice(ids), rnd.randrange(10**6)
    with con:
        con.execute('BEGIN IMMEDIATE')
        if act == 'insert': con.execute('INSERT INTO card (col, text) VALUES (?, ?)', ('todo', f'new {n}'))
        elif act == 'update': con.execute('UPDATE card SET text = ? WHERE id = ?', (f'text {n}', one))
        elif act == 'delete': con.execute('DELETE FROM card WHERE id = ?', (one,))
        elif act == 'move': con.execute("UPDATE card SET col = iif(col = 'done', 'todo', 'done') WHERE id = ?", (one,))
        elif act == 'key': con.execute('UPDATE OR REPLACE card SET id = ? WHERE id = ?', (n, one))
        elif act == 'bulk': con.execute("UPDATE card SET text = text || '.'")
        if act == 'rollback':
            con.execute('DELETE FROM card')
            con.rollback()


if __name__ == '__main__':
    rnd = random.Random(sys.argv[2])
    with contextlib.closing(sqlite3.connect(sys.argv[1], isolation_level=None)) as con:
        for _ in range(3): edit(con, rnd)
