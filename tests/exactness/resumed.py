"""Scripts of the matrix that are killed in their middle and resumed: they print what a plain run prints.

    python -m tests.exactness.resumed [--seed 0] [NAME…]

A sitecustomize of the tests' own kills the script behind one of the lines that it prints, a second
later, so that the journal has what came before. Exit status 1 where a run came to other lines, or could
not go on for a reason that is not named.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
from pathlib import Path

from tests.exactness.cases import Case, load_cases
from tests.exactness.harness import DENSE, REPOSITORY, Project, command_of, find_truth

KILLER = """\
import builtins, os, signal, time

said, told = builtins.print, 0

def print(*words, **options):
    global told
    said(*words, **options)
    told += 1
    if told == int(os.environ.get("KILLED_BEHIND", "0")):
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

if os.environ.get("FLOR_LAUNCH"):  # while it goes on as well: it is a part of the state
    builtins.print = print
"""
REFUSALS = (
    "it had not come to its main loop",
    "no whole checkpoint to go on from",
    "only runs of one can go on",
    "there is nothing to resume",
    "was not resumed",
    "cannot be resumed exactly",
    "GraphNotRestored",
)


def outcome_of(case: Case, folder: Path, chance: random.Random) -> str:
    """What came of one script, in words; begins with WRONG where it should not have."""
    truth = find_truth(case, Project(folder / "plain"))
    if not truth.own_lines:
        return "prints nothing"
    project = Project(folder / "recorded")
    project.create(case.files, case.assets)
    killer = folder / "killer"
    killer.mkdir()
    (killer / "sitecustomize.py").write_text(KILLER, encoding="utf-8")
    behind = chance.randrange(1, len(truth.own_lines) + 1)
    environment = project.environment(REPOSITORY, killer, KILLED_BEHIND=str(behind))
    flor = (sys.executable, "-m", "florctl")
    project.run(*flor, "record", *DENSE, *command_of(case), environment=environment)
    ran = project.run(*flor, "resume", environment=project.environment(REPOSITORY, killer))
    where = f"killed behind line {behind} of {len(truth.own_lines)}{_gone_on(ran.stderr)}"
    for text in REFUSALS:
        if text in ran.stderr:
            return f"{where}: {next(line for line in ran.stderr.splitlines() if text in line)}"
    if ran.status != truth.status:
        return f"WRONG {where}: status {ran.status}: {ran.stderr[-500:]}"
    rows = json.loads(project.flor("log", "get", "@", "print", "--json").stdout or b"[]")
    lines = [row["value"] for row in rows]
    if lines == truth.own_lines:
        return f"{where}: equal"
    shown = json.loads(project.flor("log", "show", "@", "--json").stdout)
    named = [one["code"] for one in shown["warnings"] if one["code"] != "version-skipped"]
    first = next(
        (
            n
            for n, pair in enumerate(zip(lines, truth.own_lines, strict=False))
            if pair[0] != pair[1]
        ),
        -1,
    )
    told = [line for line in ran.stderr.splitlines() if line.startswith("warning")]
    about = f"{where}: {len(lines)} lines, first other {first}; {named} {told}"
    return f"{'differs, warned' if told or named else 'WRONG'} {about}"


def _gone_on(told: str) -> str:
    """Where a run went on, as `flor resume` tells it: at the last place, where it tried several."""
    found = re.findall(r"^flor: (?:resuming .*\)|going on) (.+)$", told, re.MULTILINE)
    return f", on {found[-1]}" if found else ""


def main() -> int:
    """Try what is asked for; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*", help="scripts; all that are seeded by default")
    asked = parser.parse_args()
    wrong = 0
    for case in load_cases():
        if (asked.names and case.name not in asked.names) or not case.seeded or case.command:
            continue
        chance = random.Random(f"{asked.seed} {case.name}")
        with tempfile.TemporaryDirectory(prefix="resumed-") as folder:
            said = outcome_of(case, Path(folder), chance)
        wrong += said.startswith("WRONG")
        print(f"{case.name}: {said}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
