"A program that writes until it is killed: `writer.py DATABASE SEED`. It imports nothing of the package"
import random
import sqlite3
import sys

path, rnd = sys.argv[1], random.Random(sys.argv[2])
con = sqlite3.connect(path, isolation_level=None, timeout=10)
print('ready', flush=True)
while True:
    act = rnd.choice(['one', 'some', 'many', 'update', 'bulk', 'rollback'])
    con.execute('BEGIN IMMEDIATE')
    if act == 'one': con.execute('INSERT INTO card(n) VALUES (0)')
    elif act == 'some': con.executemany('INSERT INTO card(n) VALUES (?)', [(0,)] * 5)
    elif act == 'many': con.executemany('INSERT INTO card(n) VALUES (?)', [(0,)] * rnd.randrange(200))
    elif act == 'update': con.execute('UPDATE card SET n = n + 1 WHERE id % 7 = ?', [rnd.randrange(7)])
    elif act == 'bulk': con.execute('UPDATE card SET n = n + 1')
    else: con.execute('UPDATE card SET n = n + 100')
    con.execute('ROLLBACK' if act == 'rollback' else 'COMMIT')
