"""Patch Playwright's driver so that it can drive the Firefox of a distribution, by the channel `moz-firefox`.

Playwright sends each page a command for its preferred colours. A Firefox of the extended support release does not know
the command, and Playwright stops. This tool removes the command from the driver in the current Python environment. A
second run changes nothing. A driver without the command stays as it is.

    python tools/firefox.py
"""

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

COMMAND = re.compile(r'(?<!if \(false\) )(?=await [\w.]+\.send\("emulation\.setMediaFeaturesOverride")')


def driver() -> Path | None:
    "The file of Playwright's driver that sends commands to browsers."
    found = find_spec("playwright")
    path = Path(found.origin).parent / "driver/package/lib/coreBundle.js" if found and found.origin else None
    return path if path and path.is_file() else None


def leave_out(path: Path) -> int:
    "Remove the command from the driver; return how often it occurred."
    text, times = COMMAND.subn("if (false) ", path.read_text(encoding="utf-8"))
    if not times: return 0
    new = path.with_name(f"{path.name}.{os.getpid()}")  # Replaced in one step, since two runs may overlap
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    return times


def main():
    path = driver()
    if path is None: return print("no Playwright driver found; nothing to patch")
    times = leave_out(path)
    if sys.stdout.isatty(): print(f"{path}: {f'removed {times} times' if times else 'nothing to patch'}")


if __name__ == "__main__": main()
