"""A client whose network is cut: it vanishes without an end of its connection

The test makes a network interface. Chromium drops its connections when one comes or goes, so `tools/check.py` runs this
file while no browser runs.
"""
import os
import shutil
import subprocess

import pytest

from .clients import until


@pytest.fixture
def far_away():
    "A network namespace behind a link: its name, the server's address, and a function that cuts the link"
    if os.geteuid() != 0 or not shutil.which('ip'): pytest.skip('needs root and iproute2 for a network namespace')
    name, here, there = f'sse{os.getpid()}', f'sseh{os.getpid() % 10**6}', f'sset{os.getpid() % 10**6}'
    def ip(*words, check=True): return subprocess.run(['ip', *words], check=check, capture_output=True, text=True)
    try:
        try:
            ip('netns', 'add', name)
            ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there)
        except subprocess.CalledProcessError as e: pytest.skip(f'no network namespaces here: {e.stderr.strip()}')
        ip('link', 'set', there, 'netns', name)
        ip('addr', 'add', '10.213.77.1/24', 'dev', here)
        ip('link', 'set', here, 'up')
        ip('netns', 'exec', name, 'ip', 'addr', 'add', '10.213.77.2/24', 'dev', there)
        ip('netns', 'exec', name, 'ip', 'link', 'set', there, 'up')
        yield name, '10.213.77.1', lambda: ip('netns', 'exec', name, 'ip', 'link', 'set', there, 'down')
    finally:
        ip('link', 'del', here, check=False)
        ip('netns', 'del', name, check=False)


def test_a_half_open_connection_is_noticed(serve, stream, far_away):
    "The client vanishes without closing its connection; the kernel alone would wait for a quarter of an hour"
    namespace, address, pull = far_away
    server = serve('--host', '0.0.0.0', manager=dict(send_timeout=2, heartbeat_interval=1))
    curl = ['curl', '-sN', f'http://{address}:{server.port}/sse/broadcast']
    lost = subprocess.Popen(['ip', 'netns', 'exec', namespace, *curl], stdout=subprocess.PIPE)
    try:
        while b'id: ' not in lost.stdout.readline(): assert lost.poll() is None
        other = stream(server)
        other.read(b'id: ')
        assert server.debug()['count'] == 2
        pull()
        until(lambda: server.debug()['count'] == 1, 'the connection to be dropped')
        server.get('/say?text=on+it+goes')
        other.read(b'on it goes')
    finally:
        lost.kill()
        lost.communicate()
