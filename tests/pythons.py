"""Runs the parts of the suite that differ by version of Python, with each that is there.

`make pythons` calls it: python tests/pythons.py FOLDER PYTHON…, where a PYTHON is a version, looked
for on PATH as pythonX.Y, or the path of an interpreter. Each gets an environment below FOLDER.
Ends with status 1 where one of them failed or could not be set up, or none was found.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Frames, the path hook, rewriting and the graph, and then whole replays against full runs.
PARTS = ("tests/source", "tests/ground", "tests/runtime", "tests/exactness")
NEEDED = ("numpy", "pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "setuptools")


def main(words: list[str]) -> int:
    """Run them one after another, and sum up."""
    folder, wanted = Path(words[0]), words[1:]
    outcomes = {}
    for python in wanted:
        found = shutil.which(python if "/" in python else f"python{python}")
        outcomes[python] = "not found" if found is None else _run(found, folder)
    print()
    for python, outcome in outcomes.items():
        print(f"{python}: {outcome}")
    ran = [outcome for outcome in outcomes.values() if outcome != "not found"]
    return 0 if ran and set(ran) == {"passed"} else 1


def _run(python: str, folder: Path) -> str:
    """What became of one interpreter, in a word or two."""
    code = "import platform; print(platform.python_version())"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        return "not found"  # a shim of pyenv's, for a version that is not chosen
    home = folder / asked.stdout.strip()
    print(f"\n{python} ({home.name})", flush=True)
    own = home / "bin" / "python"
    if not _set_up(python, home):
        return "could not be set up"
    ran = subprocess.run([own, "-m", "pytest", "-q", *PARTS], cwd=ROOT, check=False)
    return "passed" if ran.returncode == 0 else "failed"


def _set_up(python: str, home: Path) -> bool:
    """Make the environment of an interpreter, unless it is there."""
    done = home / ".installed"
    if done.exists():
        return True
    pins = home / "constraints.txt"
    own = [home / "bin" / "python", "-m", "pip", "install", "-qq", "-c", pins]
    if subprocess.run([python, "-m", "venv", home], check=False).returncode != 0:
        return False
    # The version alone: for another Python there may be no CPU build where this one's came from.
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins.write_text(re.sub(r"^(torch==[\d.]+)\+cpu", r"\1", text, flags=re.MULTILINE), "utf-8")
    for packages in (("torch",), ("-e", ".", *NEEDED)):
        if subprocess.run([*own, *packages], cwd=ROOT, check=False).returncode != 0:
            return False
    done.touch()
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
