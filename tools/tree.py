"The files of the checkout, and copies of them."

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tree_files() -> list[str]:
    "Every file that git tracks or would track, relative to the top folder."
    command = ["git", "ls-files", "-coz", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [file for file in dict.fromkeys(listed) if file and (ROOT / file).exists()]


def copy_tree(to: Path) -> list[str]:
    "Copy the files of the checkout to the folder `to`, and return their names."
    files = tree_files()
    for file in files:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, to / file, follow_symlinks=False)
    return files
