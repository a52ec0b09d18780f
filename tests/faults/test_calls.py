"""Calls of the operating system that fail, or do less than they were asked to."""

from __future__ import annotations

import pytest

from tests.faults.faults import CHECKPOINTS, JOURNAL, WRITES, Rule
from tests.faults.training import Training

pytestmark = pytest.mark.process

EPOCHS, SIZE, BIG = 8, 300_000, 6_000_000
MANY = (EPOCHS, SIZE)

ONCE = {
    "EIO as a file is written": Rule(WRITES, CHECKPOINTS, 3, 1, error="EIO"),
    "EIO in the first file": Rule(WRITES, CHECKPOINTS, 1, 1, error="EIO"),
    "EDQUOT as a file is written": Rule(WRITES, CHECKPOINTS, 3, 1, error="EDQUOT"),
    "a failed fsync": Rule(["fsync", "fdatasync"], ".tmp", 3, 1, error="EIO"),
    "no descriptor left": Rule(["open"], ".tmp", 3, 1, error="EMFILE"),
    "a failed rename": Rule(["rename", "replace", "link"], ".tmp", 3, 1, error="EIO"),
}


@pytest.mark.parametrize(
    ("what", "size"),
    [(what, SIZE) for what in ONCE] + [("EIO as a file is written", BIG), ("a failed fsync", BIG)],
)
def test_a_checkpoint_that_fails_is_left_out_and_the_others_are_there(
    what: str, size: int, training: Training
) -> None:
    rule = ONCE[what]
    plain = training.plain(EPOCHS, size)

    ran = training.record(EPOCHS, size, rules=[rule])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    ((_, _, hit),) = training.hits()
    assert ran.stderr.count("warning: flor could not write a checkpoint") == 1
    found = training.read_back()
    assert found.orphans == [] and found.torn_bytes == 0
    assert len(found.checkpoints) >= rule.first
    assert found.journalled == found.checkpoints
    assert len(found.kinds("iteration")) == EPOCHS
    assert len(found.degraded()) == 1
    lost = hit.name.removeprefix(".").partition(".safetensors")[0]
    assert f"checkpoints/{lost}.safetensors" not in found.checkpoints


@pytest.mark.parametrize("calls", [("fsync", "fdatasync"), ("open",)])
def test_where_no_checkpoint_can_be_written_the_run_is_recorded_without(
    calls: tuple[str, ...], training: Training
) -> None:
    plain = training.plain(*MANY)

    ran = training.record(*MANY, rules=[Rule(calls, CHECKPOINTS, error="EIO")])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert training.hits()
    found = training.read_back()
    assert (found.checkpoints, found.orphans) == (set(), [])
    assert len(found.kinds("iteration")) == EPOCHS
    answer = training.ask("--epochs", "6")
    assert answer.status == "verified"
    seen = [line for line in training.truth(*MANY) if line.startswith("seen 6 ")]
    assert [value for value in answer.values if value.startswith("seen")] == seen


@pytest.mark.parametrize("size", [SIZE, BIG])
def test_short_writes_are_completed(size: int, training: Training) -> None:
    rules = [Rule(WRITES, CHECKPOINTS, short=True), Rule(WRITES, JOURNAL, short=True)]
    plain = training.plain(EPOCHS, size)

    ran = training.record(EPOCHS, size, rules=rules)

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert "warning:" not in ran.stderr
    assert {number for number, *_ in training.hits()} == {0, 1}
    found = training.read_back()
    assert len(found.checkpoints) > EPOCHS // 2
    assert found.torn_bytes == 0
    answer = training.ask()
    assert answer.status == "verified"
    assert answer.values == training.truth(EPOCHS, size)


def test_a_file_system_without_direct_writes_is_written_to_in_another_way(
    training: Training,
) -> None:
    plain = training.plain(*MANY)

    ran = training.record(*MANY, rules=[Rule(["open_direct"], CHECKPOINTS, error="EINVAL")])

    assert (ran.status, ran.stdout) == (plain.status, plain.stdout)
    assert "warning:" not in ran.stderr
    found = training.read_back()
    assert len(found.checkpoints) > EPOCHS
    assert found.journalled == found.checkpoints


def test_every_file_is_synced_before_its_name_and_named_before_the_journal_tells(
    training: Training,
) -> None:
    changes = [*WRITES, "fsync", "fdatasync", "rename", "replace", "link"]

    training.record(*MANY, rules=[Rule(changes, str(training.home))])

    found = training.read_back()
    calls = training.hits()
    for name in found.checkpoints:
        own = [
            (number, call)
            for number, (_, call, path) in enumerate(calls)
            if path.name.startswith("." + name.rpartition("/")[2])
        ]
        written = max(number for number, call in own if call in WRITES)
        synced = max(number for number, call in own if "sync" in call)
        named = max(number for number, call in own if call in ("rename", "replace", "link"))
        behind = calls[named:]
        assert written < synced < named
        assert any("sync" in call and path.name == "checkpoints" for _, call, path in behind)
        assert any(call in WRITES and JOURNAL in str(path) for _, call, path in behind)
