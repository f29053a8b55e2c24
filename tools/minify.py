"""Write `assets/min/` from `assets/`: minify the browser's scripts with terser.

    python tools/minify.py            # with the repository's node_modules
    python tools/minify.py TERSER     # with another copy of terser

Public names of properties stay. Comments, white space, the names of local variables and private names (`#name`) are
removed or shortened. Two local names stay, because gzip packs the files better when these are the same in all of them.
"""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "cjm_fasthtml_sse" / "assets"
OPTIONS = "--compress passes=2 --mangle reserved=[sse,data] --ecma 2020".split()


def minify(terser: str, file: Path) -> str:
    "Return the minified text of `file`"
    command = [terser, str(file), *OPTIONS]
    try: return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() + "\n"
    except FileNotFoundError: raise SystemExit(f"{terser} is missing; run `npm ci` in the repository") from None
    except subprocess.CalledProcessError as e: raise SystemExit(f"{file.name}: {e.stderr}") from None


def main():
    terser = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "node_modules" / ".bin" / "terser")
    made = {file.name: minify(terser, file) for file in sorted(ASSETS.glob("*.js"))}
    folder = ASSETS / "min"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.js"):
        if old.name not in made: old.unlink()
    for name, text in made.items(): (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__": main()
