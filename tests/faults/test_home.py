"""Homes that cannot be written, from the start or from some moment on."""

from __future__ import annotations

import os

import pytest

from tests.faults.faults import CHANGES, Rule
from tests.faults.test_disk import can_mount
from tests.faults.training import Training

pytestmark = pytest.mark.process

EPOCHS, SIZE = 6, 100_000
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'


@pytest.mark.skipif(not can_mount(), reason="a folder is mounted read-only by root alone")
def test_the_script_runs_unrecorded_where_its_home_is_read_only(training: Training) -> None:
    training.home.mkdir(parents=True)
    plain = training.plain(EPOCHS, SIZE, "exit")
    mounted = ["unshare", "-m", "sh", "-c", READ_ONLY, str(training.home)]

    with training.started([*mounted, *training.recording(EPOCHS, SIZE, "exit")]) as process:
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (plain.status, plain.stdout)
    assert stderr == (
        f"warning: {training.home} cannot be written (Read-only file system); "
        "the script runs unrecorded\n"
    )
    assert os.listdir(training.home) == []


@pytest.mark.parametrize(
    ("error", "first"),
    [("EROFS", 1), ("EACCES", 2), ("EROFS", 3), ("EACCES", 5), ("EROFS", 20), ("EROFS", 60)],
)
def test_the_script_goes_on_where_its_home_becomes_read_only(
    error: str, first: int, training: Training
) -> None:
    plain = training.plain(EPOCHS, SIZE, "exit")
    run = str(training.home / "train")

    ran = training.record(EPOCHS, SIZE, "exit", rules=[Rule(CHANGES, run, first, error=error)])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert training.hits()
    assert "Traceback" not in ran.stderr
    assert "warning: flor could not" in ran.stderr
    assert training.read_back().torn_bytes == 0


def test_a_home_that_is_taken_away_costs_the_rest_of_the_record(training: Training) -> None:
    script = training.folder / "train.py"
    text = script.read_text(encoding="utf-8")
    gone = '    if epoch == 3:\n        os.rename(os.environ["FLOR_HOME"], "away")\n'
    anchor = "    time.sleep(0.01)\n"
    script.write_text(text.replace(anchor, anchor + gone), encoding="utf-8")

    ran = training.record(EPOCHS, SIZE, "exit")

    assert ran.status == 4
    assert ran.stdout.splitlines()[-1].startswith("trained")
    assert "Traceback" not in ran.stderr
