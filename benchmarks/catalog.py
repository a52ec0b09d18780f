"""The catalog at 10,000 runs and 10 million values: taking them in, and the commands that read them.

Runs are real run.json files and journals in a folder of their own. The commands are processes, each
beside a bare interpreter (`python -c pass`), in an order drawn anew every round; `A/A` is the bare
interpreter against itself, so its spread is what the others cannot resolve.

    python benchmarks/catalog.py
    python benchmarks/catalog.py --runs 500 --values 500000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import pty
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ratios import Interval, quotients, table

from florlib.ground.journal_format import PREAMBLE, encode_frame
from florlib.ground.layout import HomeLayout, RunLayout

FLOR = str(Path(sys.executable).with_name("flor"))
BARE = [sys.executable, "-c", "pass"]
STEPS = 47  # of an epoch: a loss each, and behind them lr, acc and a printed line
OF_EPOCH = STEPS + 3
BATCH = 500  # rows of a journal's record, as the recorder writes them where a script logs a lot
KINDS = 20  # of journals, whose values differ; the runs take turns
BOOT, HOST = "boot", "host"
HARVEST = """
import json, sys, time
from datetime import datetime, timezone
from pathlib import Path
from florctl.orchestrate.answers.harvest import harvest
times, cpu = [], []
for _ in range(int(sys.argv[2])):
    started, worked = time.perf_counter(), time.process_time()
    done = harvest(Path(sys.argv[1]), now=datetime.now(timezone.utc), boot="boot", host="host")
    times.append(time.perf_counter() - started)
    cpu.append(time.process_time() - worked)
    assert not done.problems, done.problems[:3]
print(json.dumps({"values": done.values, "looked": done.looked, "times": times, "cpu": cpu}))
"""


@dataclass(frozen=True)
class Size:
    """How much there is: runs, and values of all of them; a tenth of those in the largest."""

    runs: int
    values: int

    @property
    def epochs_of_one(self) -> int:
        """Of every run but the largest."""
        return max(1, round(0.9 * self.values / (self.runs - 1) / OF_EPOCH))

    @property
    def epochs_of_largest(self) -> int:
        """Of the largest run."""
        return max(1, round(0.1 * self.values / OF_EPOCH))


# ---------------------------------------------------------------------- runs


def build(home: Path, size: Size) -> None:
    """Write the runs, a minute after one another, the largest in the middle."""
    journals = [journal_of(size.epochs_of_one, seed) for seed in range(KINDS)]
    first = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=size.runs + 60)
    for number in range(size.runs):
        started = first + timedelta(minutes=number)
        layout = HomeLayout(home).run(f"net{number % 10}", f"{started:%Y%m%d-%H%M%S}-{number:06x}")
        layout.folder.mkdir(parents=True)
        content = run_json(layout, number // 10 + 1, started, home)
        layout.run_file.write_text(json.dumps(content), encoding="utf-8")
        is_largest = number == size.runs // 2
        frames = journal_of(size.epochs_of_largest, KINDS) if is_largest else journals[number % 20]
        head = PREAMBLE + encode_frame(process(layout, started))
        layout.journal(0, 100).write_bytes(head + frames)


def run_json(layout: RunLayout, ordinal: int, started: datetime, home: Path) -> dict[str, Any]:
    """What is said of a run that ended well."""
    return {
        "format": 1,
        "run": layout.run,
        "name": layout.folder.parent.name,
        "ordinal": ordinal,
        "project": str(home),
        "cwd": str(home),
        "command": ["python", "train.py", "--lr", "0.1"],
        "script": "train.py",
        "tags": {},
        "version": None,
        "environment": {"python": platform.python_version(), "packages": {}},
        "budget": 0.01,
        "started": started.isoformat(),
        "pid": 1,
        "pid_start": "",
        "host": HOST,
        "boot": BOOT,
        "ended": (started + timedelta(seconds=50)).isoformat(),
        "exit_status": 0,
        "signal": None,
        "warnings": [],
    }


def process(layout: RunLayout, started: datetime) -> dict[str, Any]:
    """A journal's first record."""
    return {
        "kind": "process",
        "format": 1,
        "run": layout.run,
        "mode": "record",
        "replay": None,
        "rank": 0,
        "pid": 100,
        "script": "train.py",
        "argv": ["train.py", "--lr", "0.1"],
        "started": started.isoformat(),
    }


def journal_of(epochs: int, seed: int) -> bytes:
    """What stands behind the process record of a training's journal."""
    return b"".join(map(encode_frame, records_of(epochs, random.Random(seed))))


def records_of(epochs: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Records of a training that logs in each step and behind the steps."""
    line = {"path": "train.py", "ordinal": 0, "line": 5}
    main = {"position": [], "loop": "epoch", "role": "main", "main": 0, **line}
    yield {"kind": "arg", "name": "lr", "value": 0.1, "source": "argparse"}
    yield {"kind": "enter", **main, "length": epochs}
    rows: list[list[Any]] = []
    positions: list[Any] = []
    for epoch in range(epochs):
        here = [["epoch", epoch]]
        for step in range(STEPS):
            positions.append([*here, ["step", step]])
            rows.append([len(positions) - 1, "loss", chance.random(), 0, 0])
        nested = {"position": here, "loop": "step", "role": "nested", "main": 0, **line}
        yield {"kind": "exit", **nested, "how": "exhausted", "iterations": STEPS}
        positions.append(here)
        values = {"lr": 0.1 / (1 + epoch), "acc": chance.random(), "print": f"epoch {epoch} done"}
        rows += [[len(positions) - 1, name, value, 0, 0] for name, value in values.items()]
        if len(rows) >= BATCH:
            yield batch(rows, positions)
            rows, positions = [], []
        yield {"kind": "iteration", "main": 0, "index": epoch, "position": here, "seconds": 2.0}
    yield batch(rows, positions)
    yield {"kind": "exit", **main, "how": "exhausted", "iterations": epochs}
    yield {"kind": "end", "exit_status": 0, "signal": None, "how": "exit"}


def batch(rows: list[Any], positions: list[Any]) -> dict[str, Any]:
    """A record of logged values."""
    return {"kind": "log", "rows": rows, "positions": positions, "sites": [["train.py", 9]]}


# ---------------------------------------------------------------------- harvests


def harvested(home: Path, times: int = 1) -> dict[str, Any]:
    """What a process comes to that harvests so many times."""
    words = [sys.executable, "-c", HARVEST, str(home), str(times)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def forget(home: Path) -> None:
    """As before any harvest."""
    for path in home.glob("catalog.db*"):
        path.unlink()


def harvested_by_two(home: Path) -> float:
    """Seconds until two processes that begin together have both harvested a new home."""
    words = [sys.executable, "-c", HARVEST, str(home), "1"]
    started = time.perf_counter()
    both = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    return time.perf_counter() - started


def values_in(home: Path) -> int:
    """How many values the catalog holds."""
    with closing(sqlite3.connect(HomeLayout(home).catalog)) as connection:
        return int(connection.execute("SELECT count(*) FROM log").fetchone()[0])


# ---------------------------------------------------------------------- commands


def commands(home: Path) -> dict[str, list[str]]:
    """What is measured against a bare interpreter."""
    layouts = HomeLayout(home).runs()
    one, largest = layouts[len(layouts) // 3].run, layouts[len(layouts) // 2].run
    by_epoch = "SELECT iteration, avg(number) FROM logs WHERE run = '{}' AND name = 'loss' GROUP BY iteration"
    best = (
        "SELECT run, max(number) FROM logs WHERE name = 'acc' GROUP BY run ORDER BY 2 DESC LIMIT 5"
    )
    return {
        "A/A: a bare interpreter": BARE,
        "flor --help": [FLOR, "--help"],
        "flor log list, on a terminal": [FLOR, "log", "list"],
        "flor log list --limit 30, into a pipe": [FLOR, "log", "list", "--limit", "30"],
        "flor log list, all runs into a pipe": [FLOR, "log", "list", "--all"],
        "flor log show RUN": [FLOR, "log", "show", one],
        "flor log get RUN": [FLOR, "log", "get", one],
        "flor log get RUN acc": [FLOR, "log", "get", one, "acc"],
        "flor log get LARGEST": [FLOR, "log", "get", largest],
        "flor log get LARGEST acc": [FLOR, "log", "get", largest, "acc"],
        "flor query: runs by name": [FLOR, "query", "SELECT name, count(*) FROM runs GROUP BY 1"],
        "flor query: a run's loss by epoch": [FLOR, "query", by_epoch.format(one)],
        "flor query: the best acc of all runs": [FLOR, "query", best],
    }


def seconds_of(words: Sequence[str], home: Path, *, on_terminal: bool) -> float:
    """What a command takes, its output into a pipe or a terminal of 140 columns."""
    environ = {**os.environ, "FLOR_HOME": str(home), "COLUMNS": "140"}
    # Where this is set, every start would compile every module of ours: some 70 ms of them.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if not on_terminal:
        started = time.perf_counter()
        subprocess.run(words, env=environ, cwd=home, stdout=subprocess.PIPE, check=True)
        return time.perf_counter() - started
    ours, theirs = pty.openpty()
    started = time.perf_counter()
    with closing(os.fdopen(ours, "rb", buffering=0)) as screen:
        child = subprocess.Popen(words, env=environ, cwd=home, stdout=theirs, stderr=theirs)
        os.close(theirs)
        try:
            while screen.read(65536):
                pass
        except OSError:  # Linux: the other end is closed
            pass
        assert child.wait() == 0
    return time.perf_counter() - started


def asked(home: Path, rounds: int) -> dict[str, tuple[Interval, float]]:
    """By command, its ratio to a bare interpreter, and its seconds."""
    wanted = commands(home)
    names = list(wanted)
    found: dict[str, list[float]] = {name: [] for name in ["bare", *names]}
    for _ in range(rounds):
        found["bare"].append(seconds_of(BARE, home, on_terminal=False))
        random.shuffle(names)
        for name in names:
            on_terminal = name.endswith("terminal")
            found[name].append(seconds_of(wanted[name], home, on_terminal=on_terminal))
    return {
        name: (
            Interval.of(quotients(found[name], found["bare"])),
            statistics.median(found[name]),
        )
        for name in wanted
    }


REACH = {
    "flor --help": "<= 7x",
    "flor log list, on a terminal": "<= 10x",
    "flor log list --limit 30, into a pipe": "<= 10x",
    "flor log get RUN acc": "< 1 s",
    "flor log get LARGEST acc": "< 1 s",
}


def measure(home: Path, size: Size, rounds: int) -> list[list[str]]:
    """The rows of the report."""
    rows: list[list[str]] = []

    def note(what: str, figure: str, seconds: float | None, reach: str = "") -> None:
        rows.append([what, figure, "" if seconds is None else f"{seconds:.3f}", reach])
        print("  ".join(rows[-1]), file=sys.stderr)

    taken = harvested(home)
    (seconds,), (cpu_s,) = taken["times"], taken["cpu"]
    rates = [f"{taken['values'] / one:,.0f}" for one in (seconds, cpu_s)]
    rate = f"{rates[0]} values a second, {rates[1]} a second of processor time"
    note(
        f"harvest of {size.runs:,} new runs, {taken['values']:,} values",
        rate,
        seconds,
        ">= 200,000",
    )
    assert values_in(home) == taken["values"]
    megabytes = HomeLayout(home).catalog.stat().st_size / 1e6
    note("size of the catalog", f"{megabytes:,.0f} MB", None)
    again = harvested(home, 2 * rounds)
    assert (again["looked"], again["values"]) == (0, 0)
    note("harvest where nothing changed", "", statistics.median(again["times"]))
    for name, (ratio, median) in asked(home, rounds).items():
        note(name, f"{ratio}x", median, REACH.get(name, ""))
    return rows


def together(folder: Path, size: Size) -> list[str]:
    """A row on two harvests of a new home that begin at once, against one."""
    home = folder / "two"
    build(home, size)
    one = harvested(home)
    forget(home)
    seconds = harvested_by_two(home)
    assert values_in(home) == one["values"]
    figure = f"{seconds / one['times'][0]:.2f} of one alone"
    return [f"two harvests of {size.runs:,} runs at once", figure, f"{seconds:.3f}", ""]


def main() -> None:
    """Print the ratios, and the seconds behind them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--values", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--home", type=Path, help="where to build it; kept, and used again")
    parser.add_argument("--markdown", action="store_true")
    words = parser.parse_args()
    size = Size(words.runs, words.values)
    with tempfile.TemporaryDirectory(prefix="flor-bench-") as temporary:
        folder = words.home or Path(temporary)
        home = folder / "home"
        if home.exists():
            forget(home)
        else:
            build(home, size)
        rows = measure(home, size, words.rounds)
        shutil.rmtree(folder / "two", ignore_errors=True)
        few = Size(max(20, size.runs // 10), max(1000, size.values // 10))
        rows.append(together(folder, few))
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, ", end="")
    print(f"{os.cpu_count()} cores\n")
    head = ["what", "figure", "seconds", "to reach"]
    print(table(head, rows, markdown=words.markdown))


if __name__ == "__main__":
    main()
