"""Let Playwright drive the Firefox that a distribution ships, by its channel `moz-firefox`.

Playwright sends each page a command that a Firefox of the extended support release does not know (the colours that a
page should prefer), and gives up when it is refused. This leaves the command out, in the driver of this Python's
environment. A second run changes nothing, and neither does a run on a driver that does not have the command.

    python tools/firefox.py
"""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

COMMAND = re.compile(r'(?<!if \(false\) )(?=await [\w.]+\.send\("emulation\.setMediaFeaturesOverride")')


def driver() -> Path | None:
    "The file of Playwright's driver that speaks to browsers."
    found = find_spec("playwright")
    path = Path(found.origin).parent / "driver/package/lib/coreBundle.js" if found and found.origin else None
    return path if path and path.is_file() else None


def leave_out(path: Path) -> int:
    "Take the command out of the driver; returns how often it was there."
    text, times = COMMAND.subn("if (false) ", path.read_text(encoding="utf-8"))
    if not times: return 0
    new = path.with_name(f"{path.name}.{os.getpid()}")  # never half a driver, also where two set up at once
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return times


def main():
    path = driver()
    if path is None: return print("Playwright has no driver here that could be changed; left as it is")
    times = leave_out(path)
    if sys.stdout.isatty(): print(f"{path}: {f'left out {times} times' if times else 'nothing to do'}")


if __name__ == "__main__": main()
