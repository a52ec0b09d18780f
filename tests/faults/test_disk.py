"""Disks that are full, in the middle of a checkpoint and of a frame, and some that have room again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.faults import CHECKPOINTS, JOURNAL, WRITES, Rule
from tests.faults.reading import read_back
from tests.faults.training import Training, is_subsequence

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parent / "scripts" / "filling.py"
EPOCHS, SIZE = 10, 200_000
DISK_BYTES = 6 << 20
BALLAST_BYTES = DISK_BYTES - 2 * SIZE - 64_000
ON_SMALL_DISK = (
    f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && head -c {BALLAST_BYTES} /dev/zero > "$1" '
    '&& kept="$2" && shift 2 && "$@"; status=$?; cp -r "$0" "$kept"; exit $status'
)


def can_mount() -> bool:
    """Root may mount, unless it is root of a container that may not."""
    if os.getuid() != 0:
        return False
    attempt = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", "/mnt"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a small disk is mounted by root alone")
def test_a_full_disk_costs_what_does_not_fit(tmp_path: Path, flor_home: Path) -> None:
    training = Training.begun(tmp_path / "project", flor_home, SCRIPT)
    flor_home.mkdir()
    ballast, kept = flor_home / "ballast", tmp_path / "kept"
    plain = training.plain(EPOCHS, SIZE, ballast)
    words = training.recording(EPOCHS, SIZE, ballast)
    mounted = ["unshare", "-m", "sh", "-c", ON_SMALL_DISK, str(flor_home), str(ballast), str(kept)]

    with training.started([*mounted, *words]) as process:
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (plain.status, plain.stdout)
    assert "No space left on device" in stderr
    (run,) = kept.glob("train/*")
    found = read_back(run)
    assert len(found.checkpoints) > 2
    assert found.journalled == found.checkpoints
    assert found.orphans == []
    # There was room again behind the middle.
    assert f"checkpoints/{EPOCHS:06d}.000000.safetensors" in found.checkpoints


@pytest.mark.parametrize("space", [10_000, 900_000])
def test_a_checkpoint_that_fills_the_disk_leaves_nothing(space: int, training: Training) -> None:
    plain = training.plain(EPOCHS, SIZE)

    ran = training.record(EPOCHS, SIZE, rules=[Rule(WRITES, CHECKPOINTS, space=space)])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert "No space left on device" in ran.stderr
    found = training.read_back()
    whole = [record for record in found.kinds("checkpoint") if record["bytes"] > SIZE]
    assert len(whole) == space // SIZE  # others refer to these
    assert found.orphans == []
    assert len(found.kinds("iteration")) == EPOCHS
    answer = training.ask()
    assert answer.status == "verified"
    assert answer.values == training.truth(EPOCHS, SIZE)


@pytest.mark.parametrize("space", [100, 9_000])
def test_a_journal_that_fills_the_disk_ends_with_its_last_whole_frame(
    space: int, training: Training
) -> None:
    plain = training.plain(EPOCHS, SIZE)

    ran = training.record(EPOCHS, SIZE, rules=[Rule(WRITES, JOURNAL, space=space)])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert ran.stderr.count("No space left on device") == 1
    found = training.read_back()
    assert found.torn_bytes == 0
    assert found.orphans == []
    answer = training.ask()
    assert answer.status != "diverged"
    assert is_subsequence(answer.values, training.truth(EPOCHS, SIZE))


@pytest.mark.parametrize("first", [1, 2, 4, 7])
def test_a_frame_that_fails_in_its_middle_is_never_a_wrong_answer(
    first: int, training: Training
) -> None:
    rules = [
        Rule(WRITES, JOURNAL, first, 1, short=True),
        Rule(WRITES, JOURNAL, first + 1, 1, error="EIO"),
    ]
    plain = training.plain(EPOCHS, SIZE)

    ran = training.record(EPOCHS, SIZE, rules=rules)

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert len(training.hits()) == 2
    assert ran.stderr.count("warning: flor could not") == 1
    found = training.read_back()
    assert (found.torn_bytes, found.orphans) == (0, [])
    answer = training.ask()
    assert is_subsequence(answer.values, training.truth(EPOCHS, SIZE))
