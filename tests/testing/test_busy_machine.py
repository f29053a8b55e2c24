"A machine that stops the whole process for a second is no fault of the application; a handler that blocks is."

import subprocess
import sys

import pytest

APP = """
import os, subprocess, sys, time
from fasthtml.common import *
from cjm_fasthtml_sse.testing import live

STOP = "kill -STOP {0}; sleep 2; kill -CONT {0}"

def make():
    app, rt = fast_app()
    @app.get("/blocks")
    async def blocks(): time.sleep(1.5)
    @app.get("/stopped")
    async def stopped():
        subprocess.Popen(["sh", "-c", STOP.format(os.getpid())], stdout=subprocess.DEVNULL)
        time.sleep(0.2)
    return app

with live(make, block_limit=1) as world: world.tab(sys.argv[1])
"""


@pytest.mark.parametrize(("path", "is_reported"), [("/blocks", True), ("/stopped", False)])
def test_only_the_application_is_blamed(path, is_reported, tmp_path):
    (file := tmp_path / "app.py").write_text(APP, encoding="utf-8")
    done = subprocess.run([sys.executable, file, path], capture_output=True, text=True, timeout=60)
    assert ("The loop was blocked" in done.stderr) == is_reported, done.stderr
    assert done.returncode == is_reported, done.stderr
