"The demo as people start it: the command, in a process of its own, on a free port"
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 20  # that a start or an end may take before the test fails; a generous limit, not a delay


@contextmanager
def demo(*args, port: int = 0):
    "The demo's process and URL; afterwards it has ended on Ctrl-C, with no word of complaint"
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
