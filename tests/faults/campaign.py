"""The long form of these tests: as many kills and changed files as one likes, each of a seed of its own.

python -m tests.faults --kills 300 --changes 100 --resumptions 80 --seed 0 --jobs 2
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults.changes import KINDS, Recorded
from tests.faults.kills import killed
from tests.faults.resumptions import OUTCOMES, SCRIPTS, resumed


def kill_of(seed: int) -> str:
    """What came of one kill, in a line."""
    with tempfile.TemporaryDirectory() as folder:
        kill = killed(seed, Path(folder))
    end = "killed" if kill.early else "ended"
    return f"{end}, {kill.checkpoints} checkpoints, {kill.orphans} orphans, replay {kill.status}"


def change_of(seed: int) -> str:
    """What came of one changed file of each kind, in a line."""
    told = []
    with tempfile.TemporaryDirectory() as folder:
        recorded = Recorded.begun(Path(folder))
        for kind in KINDS:
            change, answer = recorded.asked_in(Path(folder) / kind, kind, seed)
            told.append(f"{kind} {change.how}: {answer.status}")
    return ", ".join(told)


def resumption_of(seed: int) -> str:
    """What came of one run that was killed and resumed, in a line."""
    with tempfile.TemporaryDirectory() as folder:
        came = resumed(seed, Path(folder))
    same = f"{came.values} lines, {came.items} items of the state"
    return f"{came.script}: {came.outcome} ({came.how}; {same})"


def resumptions(each: int, first: int, jobs: int) -> int:
    """Kill and resume each example so many times, print a table, and return how many failed."""
    seeds = range(first * len(SCRIPTS), (first + each) * len(SCRIPTS))
    counts: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(jobs) as pool:
        for future in [pool.submit(tried, resumption_of, seed) for seed in seeds]:
            seed, text, right = future.result()
            script = SCRIPTS[seed % len(SCRIPTS)][0]
            outcome = text.partition(": ")[2].partition(" (")[0] if right else "FAILED"
            counts[script, outcome] += 1
            print(f"resume {seed}: {'' if right else f'FAILED {script} '}{text}", flush=True)
    titles = (*OUTCOMES, "FAILED")
    print(f"{'':12} {'  '.join(titles)}")
    for script in dict(SCRIPTS):
        cells = [f"{counts[script, title]:{len(title)}}" for title in titles]
        print(f"{script:12} {'  '.join(cells)}", flush=True)
    return sum(count for (_, outcome), count in counts.items() if outcome == "FAILED")


def tried(what: Callable[[int], str], seed: int) -> tuple[int, str, bool]:
    """The seed, what came of it, and whether that is as it must be."""
    try:
        return seed, what(seed), True
    except Exception as error:  # noqa: BLE001  # told with its seed; the others go on
        return seed, f"{type(error).__name__}: {error}", False


def campaign(what: Callable[[int], str], seeds: Iterable[int], jobs: int, name: str) -> int:
    """Try all seeds, tell each failure, and return how many there are."""
    counts: Counter[bool] = Counter()
    with ProcessPoolExecutor(jobs) as pool:
        for future in [pool.submit(tried, what, seed) for seed in seeds]:
            seed, text, right = future.result()
            counts[right] += 1
            print(f"{name} {seed}: {'' if right else 'FAILED '}{text}", flush=True)
    print(f"{name}: {counts[True]} of {counts.total()} as they must be", flush=True)
    return counts[False]


def main() -> int:
    """Run what is asked for; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=300, help="how many processes to kill")
    parser.add_argument("--changes", type=int, default=50, help="how many files of each kind")
    parser.add_argument("--resumptions", type=int, default=20, help="of each example")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    asked = parser.parse_args()
    failed = campaign(kill_of, range(asked.seed, asked.seed + asked.kills), asked.jobs, "kill")
    changes = range(asked.seed, asked.seed + asked.changes)
    failed += campaign(change_of, changes, asked.jobs, "change")
    failed += resumptions(asked.resumptions, asked.seed, asked.jobs)
    return int(failed > 0)
