"The demo's command, without a browser"
import json
import re
import signal
import subprocess
import sys
import threading
import time

import httpx2
import pytest
from bs4 import BeautifulSoup
from cjm_fasthtml_sse.demo.__main__ import main
from cjm_fasthtml_sse.demo.state import MAX_ITEMS, MAX_JOBS
from cjm_fasthtml_sse.demo.page import MAX_TEXT
from .demo_process import SECONDS, demo


@pytest.fixture(scope='module')
def url():
    "Provide a demo that the tests share"
    with demo() as (_, url): yield url


@pytest.fixture
def curl():
    "Provide `curl(url)`, which reads a stream until the test ends"
    readers = []
    def curl(url):
        reader = subprocess.Popen(['curl', '--silent', '--no-buffer', url], stdout=subprocess.PIPE, text=True)
        reader.limit = threading.Timer(SECONDS, reader.kill)
        reader.limit.start()
        readers.append(reader)
        return reader
    yield curl
    for reader in readers:
        reader.limit.cancel()
        reader.kill()
        reader.wait()
        reader.stdout.close()


def read_until(reader, part):
    "Return the output of `reader` up to the line that contains `part`"
    lines = []
    for line in reader.stdout:
        lines.append(line)
        if part in line: return ''.join(lines)
    pytest.fail(f'{part!r} did not come, only {lines}')


@pytest.fixture
def refused(monkeypatch, capsys):
    "Provide `refused(*args)`, which returns the output and the exit code of a command that refuses to start"
    def refused(*args):
        monkeypatch.setattr(sys, 'argv', ['demo', *args])
        with pytest.raises(SystemExit) as end: main()
        return capsys.readouterr(), end.value.code
    return refused


def region(url, id):
    "Return the region of a fresh page"
    return BeautifulSoup(httpx2.get(url).text, 'html.parser').find(id=id)


def stream(url, id):
    "Return the URL of a region's stream"
    about = json.loads(region(url, id)['data-sse-live'])
    return str(httpx2.URL(url + about['url'], params=dict(topic=about['view'], last_event_id=about['at'])))


def todos(url): return [each.span.text for each in region(url, 'todos')('li')]


def test_two_curls_hear_one_increment_and_ctrl_c_ends_all_at_once(curl):
    with demo() as (process, url):
        readers = [curl(stream(url, 'counter')) for _ in range(2)]
        for reader in readers: read_until(reader, 'id: ')
        assert httpx2.post(f'{url}/increment').status_code == 204
        for reader in readers: assert '>1</span>' in read_until(reader, '<span')
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        for reader in readers:
            assert 'retry: ' in reader.stdout.read()
            assert reader.wait(SECONDS) == 0
        assert process.wait(SECONDS) == 0
        assert time.monotonic() - asked < 10  # without the end of the streams, the server would wait forever


@pytest.mark.sample(1)
@pytest.mark.parametrize('engine', ['', 'sqlite'])
def test_with_several_workers_every_reader_sees_every_click(curl, engine, tmp_path):
    more = ['--backplane', f'sqlite:///{tmp_path}/events.db'] if engine else []
    with demo('--workers', 2, *more) as (_, url):
        readers = [curl(stream(url, 'counter')) for _ in range(4)]
        for reader in readers: read_until(reader, 'id: ')
        for _ in range(8): assert httpx2.post(f'{url}/increment').status_code == 204
        for reader in readers: assert '>8</span>' in read_until(reader, '>8</span>')
        readers = [curl(stream(url, 'jobs')) for _ in range(4)]  # of any worker: only one runs the job
        httpx2.post(f'{url}/jobs')
        for reader in readers: read_until(reader, '0 running, 1 finished')


def test_a_page_connects_from_what_it_shows(url, curl):
    between = stream(url, 'counter')
    httpx2.post(f'{url}/increment')
    read_until(curl(between), '"touched": "counter"')
    assert 'touched' not in read_until(curl(stream(url, 'counter')), 'id: ')


def test_a_wave_is_an_event_of_the_moment(url, curl):
    readers = [curl(f'{url}/sse/broadcast') for _ in range(2)]
    for reader in readers: read_until(reader, 'id: ')
    assert httpx2.post(f'{url}/wave').status_code == 204
    for reader in readers: read_until(reader, 'Another tab waves.')
    assert 'Another tab waves.' not in httpx2.get(url).text


def test_text_stays_text_and_is_limited(url, curl):
    reader = curl(stream(url, 'todos'))
    read_until(reader, 'id: ')
    for text in ('<img src=x onerror=alert(1)>"\'', '  two\r\nlines\t ', 'x' * 500, ' \n'):
        assert httpx2.post(f'{url}/todos', data={'text': text}).status_code == 200
    heard = read_until(reader, 'x' * MAX_TEXT)
    for html in (heard, httpx2.get(url).text):
        assert '<img' not in html and '&lt;img src=x' in html
        assert '>two lines<' in html and 'x' * (MAX_TEXT + 1) not in html
    assert todos(url)[-2:] == ['two lines', 'x' * MAX_TEXT]


def test_the_oldest_makes_room_and_what_is_done_goes(url):
    for n in range(MAX_ITEMS + 2): httpx2.post(f'{url}/todos', data={'text': f'thing {n}'})
    assert todos(url) == [f'thing {n}' for n in range(2, MAX_ITEMS + 2)]
    path = region(url, 'todos').find(attrs={'aria-label': 'Done: thing 5'})['hx-delete']
    for _ in range(2): assert httpx2.delete(url + path).status_code == 204
    assert 'thing 5' not in todos(url) and len(todos(url)) == MAX_ITEMS - 1


def test_jobs_are_limited_and_can_be_stopped(url, curl):
    reader = curl(stream(url, 'jobs'))
    read_until(reader, 'id: ')
    for _ in range(MAX_JOBS + 1): assert httpx2.post(f'{url}/jobs').status_code == 204
    read_until(reader, f'{MAX_JOBS} running (the maximum), 0 finished')
    first, *others = [each['hx-delete'] for each in region(url, 'jobs')('button')]
    assert len(others) == MAX_JOBS - 1
    httpx2.delete(url + first)
    read_until(reader, f'0 running, {MAX_JOBS - 1} finished')
    httpx2.delete(url + others[0])  # it is done, and stays counted
    assert f'0 running, {MAX_JOBS - 1} finished' in region(url, 'jobs').text


@pytest.mark.parametrize('htmx, scripts', [
    (2, ['htmx.org@2.0.7/dist/htmx.js', 'htmx-ext-sse@2.2.4/dist/sse.min.js']),
    (4, ['htmx.org@4.0.0/dist/htmx.min.js', 'htmx.org@4.0.0/dist/ext/hx-sse.min.js'])])
def test_without_a_folder_the_page_takes_what_fasthtml_takes_from_the_cdn(htmx, scripts):
    with demo('--htmx', htmx) as (_, url): page = httpx2.get(url).text
    assert [src for src in re.findall(r'<script[^>]* src="https://cdn.jsdelivr.net/npm/([^"]+)"', page)] == scripts
    assert 'pico.min.css' in page and '/npm/@picocss' not in page


@pytest.mark.parametrize('args, said', [
    (['--port', '99999'], 'cannot listen on port 99999 of 127.0.0.1'),
    (['--workers', '0'], '--workers must be at least 1, got 0'),
    (['--backplane', 'mysql://x'], "backplane is 'mysql'; pass an object, or a URL that begins with"),
    (['--port', 'x'], "argument --port: invalid int value: 'x'"),
    (['--htmx', '3'], 'argument --htmx: invalid choice'),
    (['--htmx-from', 'nowhere'], 'nowhere does not contain htmx 2 and its extension; run: npm install htmx.org@2')])
def test_what_cannot_be_is_said(refused, args, said):
    output, code = refused(*args)
    assert code == 2 and said in output.err


def test_a_port_that_is_taken(url, refused):
    port = url.rpartition(':')[2]
    output, code = refused('--port', port)
    assert code == 2 and f'cannot listen on port {port} of 127.0.0.1' in output.err and 'in use' in output.err


def test_help(refused):
    output, code = refused('--help')
    assert code == 0
    assert all(option in output.out for option in ('--workers', '--backplane'))
    assert all(option in output.out for option in ('--host', '--port', '5001', '--htmx {2,4}', '--htmx-from'))
