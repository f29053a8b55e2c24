"""Ports for the servers of tests.

They are below the ports that the system gives to connections. So no connection can take a port that a test has chosen,
while its server starts or is down for a moment."""

import random
import socket

LEAST, MOST = 12_000, 32_000
CHANCE = random.SystemRandom()  # others choose at the same time


def free_port():
    "Return a port of the loopback on which nothing listens"
    while True:
        port = CHANCE.randrange(LEAST, MOST)
        with socket.socket() as found:
            try: found.bind(("127.0.0.1", port))
            except OSError: continue
            return port
