"""Runs recorded within a limit: replays come to the same, and a kill in between loses nothing else.

The scripts train nothing, so that no child imports torch.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from florlib.ground.layout import RunLayout
from florlib.stores.checkpoints import Checkpoint
from florlib.stores.journal import append_behind, read_journal
from tests.runner import FlorAt, FlorRunner

pytestmark = pytest.mark.process

SCRIPT = """\
import os, random
import flor

random.seed(3)
print(os.getpid(), flush=True)
big = bytearray(20_000)
for epoch in flor.loop("epoch", range(EPOCHS)):
    for step in flor.loop("step", range(3)):
        big[random.randrange(20_000)] = random.randrange(256)
        flor.log("draw", random.random())
    print("epoch", epoch, sum(big), flush=True)
print("done", sum(big))
"""
EPOCHS = 24
DENSE = ("--budget", "10000%")
PROBE = '    flor.log("odd", sum(big[::2]))\n    print("epoch"'


@pytest.fixture
def flor(flor_at: FlorAt, tmp_path: Path) -> FlorRunner:
    return flor_at(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, EPOCHS)
    return tmp_path


def write(project: Path, epochs: int, *, probed: bool = False) -> None:
    text = SCRIPT.replace("EPOCHS", str(epochs))
    text = text.replace('    print("epoch"', PROBE) if probed else text
    (project / "train.py").write_text(text, encoding="utf-8")


def odd_sums() -> list[int]:
    """What the probe logs, computed without flor."""
    draw, big, found = random.Random(3), bytearray(20_000), []
    for _ in range(EPOCHS):
        for _ in range(3):
            big[draw.randrange(20_000)] = draw.randrange(256)
            draw.random()
        found.append(sum(big[::2]))
    return found


def journals(home: Path) -> list[tuple[RunLayout, list[dict[str, Any]]]]:
    layouts = [RunLayout(path.parent) for path in home.glob("*/*/run.json")]
    return [(one, read_journal(path).records) for one in layouts for path in one.journals()]


def taken_and_dropped(records: list[dict[str, Any]]) -> tuple[list[str], set[str]]:
    taken = [one["file"] for one in records if one["kind"] == "checkpoint"]
    return taken, {one["file"] for one in records if one["kind"] == "dropped"}


def newest_dropped(home: Path) -> int:
    """How many checkpoints the newest run has dropped so far."""
    found = sorted(journals(home), key=lambda item: item[1][0]["started"])
    return len(taken_and_dropped(found[-1][1])[1])


def test_replays_start_from_what_is_left_and_come_to_the_same(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    flor("record", *DENSE, "--ckpt-max", "150kB", "train.py")
    ((layout, records),) = journals(flor_home)
    taken, dropped = taken_and_dropped(records)
    there = {path.relative_to(layout.folder).as_posix() for path in layout.checkpoints.iterdir()}
    write(project, EPOCHS, probed=True)

    one = json.loads(flor("replay", "--json", "--epochs", "13").stdout)
    whole = json.loads(flor("replay", "--json").stdout)

    assert len(taken) == 1 + 4 * EPOCHS
    assert there == set(taken) - dropped
    assert sum((layout.folder / file).stat().st_size for file in there) <= 150_000
    assert taken[0] in there and set(taken[-2:]) <= there
    assert (one["status"], whole["status"]) == ("verified", "verified")
    assert one["warnings"] == whole["warnings"] == []
    assert one["executed_iterations"] < whole["executed_iterations"]
    rows = json.loads(flor("log", "get", "@", "odd", "--json").stdout)
    assert [row["value"] for row in rows] == odd_sums()


def test_a_run_that_is_killed_while_it_drops_has_lost_nothing_else(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    write(project, 10_000)
    words = (sys.executable, "-m", "florctl", "record", *DENSE, "--ckpt-max", "200kB", "train.py")
    for enough in (5, 14, 29):
        with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, text=True) as recording:
            assert recording.stdout is not None
            pid = int(recording.stdout.readline())
            while newest_dropped(flor_home) < enough:
                recording.stdout.readline()
            os.kill(pid, signal.SIGKILL)

    gone = 0
    for layout, records in journals(flor_home):
        taken, dropped = taken_and_dropped(records)
        for file in set(taken) - dropped:
            assert Checkpoint.open(layout.folder / file).verify()
        gone += len(dropped)
    assert gone >= 5 + 14 + 29
    assert flor("store", "verify").returncode == 0
    assert flor("replay", "--verify", "@").returncode == 0


def test_the_limits_of_a_run_of_several_processes_and_of_the_home(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    (project / "two.sh").write_text(f"{sys.executable} train.py\n{sys.executable} train.py\n")

    first = flor("record", *DENSE, "--ckpt-max", "200kB", "--", "bash", "two.sh")
    second = flor("record", *DENSE, "train.py", FLOR_CKPT_MAX="300kB", FLOR_CKPT_MAX_HOME="300kB")

    assert "flor: dropped" in first.stderr
    assert second.stderr.splitlines()[-1].endswith("to keep to the limit")
    usage = json.loads(flor("store", "usage", "--json").stdout)
    assert usage["checkpoint_bytes"] <= 300_000
    assert all(run["checkpoints"] >= 3 for run in usage["runs"])
    runs = [json.loads(path.read_text()) for path in flor_home.glob("*/*/run.json")]
    assert sorted(run["checkpoint_bytes"] for run in runs) == [200_000, 300_000]


def test_without_a_word_a_share_of_the_disk_is_the_limit(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    write(project, 2)

    flor("record", "train.py")
    flor("record", "--ckpt-max", "none", "train.py")
    wrong = flor("record", "--ckpt-max", "much", "train.py")

    runs = sorted(
        (json.loads(path.read_text()) for path in flor_home.glob("*/*/run.json")),
        key=lambda run: run["ordinal"],
    )
    assert 0 < runs[0]["checkpoint_bytes"] <= 50 * 10**9
    assert runs[1]["checkpoint_bytes"] is None
    assert (wrong.returncode, wrong.stderr.splitlines()[0][:14]) == (2, "error: 'much':")


def test_ranks_start_from_the_same_place_whatever_each_has_dropped(
    project: Path, flor: FlorRunner, flor_home: Path
) -> None:
    write(project, 6)
    ranks = [f"RANK={rank} {sys.executable} train.py" for rank in (0, 1)]
    (project / "ranks.sh").write_text("\n".join(ranks))
    flor("record", *DENSE, "--", "bash", "ranks.sh")
    for layout, records in journals(flor_home):
        rank, pid = records[0]["rank"], records[0]["pid"]
        gone = [
            {"kind": "dropped", "file": one["file"]}
            for one in records
            if one["kind"] == "checkpoint"
            and one["role"] == "boundary"
            and one["index"] == 4 - rank
        ]
        assert len(gone) == 1
        append_behind(layout.journal(rank, pid), gone)
    write(project, 6, probed=True)

    report = json.loads(flor("replay", "--json", "--epochs", "4").stdout)

    assert (report["status"], report["warnings"]) == ("verified", [])
    (replay,) = flor_home.glob("*/*/replays/*")
    restored = [
        [Path(one["file"]).name for one in read_journal(path).records if one["kind"] == "restore"]
        for path in sorted(replay.glob("journal.*"))
    ]
    # Rank 0 has no boundary 4, rank 1 no boundary 3: both pass from 2 by the ends of the loops.
    names = [
        f"{epoch:06d}.{turn:06d}.safetensors" for epoch, turn in ((2, 0), (2, 3), (3, 3), (4, 3))
    ]
    assert restored == [names, names]
