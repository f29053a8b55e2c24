"The demo, started by its command in a process of its own, on a free port"
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 20  # Maximum for a start or an end; a generous limit, not a delay


@contextmanager
def demo(*args, port: int = 0):
    "Yield the demo's process and URL; end it with Ctrl-C, and fail if it reports an error"
    command = [sys.executable, '-m', 'cjm_fasthtml_sse.demo', '--port', str(port), *map(str, args)]
    with tempfile.TemporaryFile('w+') as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            greeting = process.stdout.readline()
            if greeting: yield process, re.search(r'http://\S+', greeting)[0]
            process.send_signal(signal.SIGINT)
            code = process.wait(SECONDS)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        errors.seek(0)
        said = errors.read()
        if code or said: raise AssertionError(f'the demo ended with {code}: {said}')
