"""Texts that differ in times, and in the line that wrote them, are not called different."""

from __future__ import annotations

import pytest

from florlib.ground.likeness import likeness

TIMES = {
    "logging": ("2026-11-28 03:06:57,628 INFO loss 0.5", "2026-11-29 13:06:07,001 INFO loss 0.5"),
    "rich": (
        "[11/28/26 03:06:57] INFO  loss 0.5  train.py",
        "[11/28/26 03:07:01] INFO  loss 0.5  train.py",
    ),
    "rich, the time of the line before": (
        "[11/28/26 03:06:57] INFO     loss 0.5",
        "                    INFO     loss 0.5",
    ),
    "clock alone": ("03:06:57 | loss 0.5", "13:07:02 | loss 0.5"),
    "clock in brackets": ("[3:06:57] loss 0.5", "[13:07:02] loss 0.5"),
    "ISO with a zone": ("at 2026-11-28T03:06:57.1+00:00: 3", "at 2026-11-28T04:00:00.25+00:00: 3"),
    "ISO with Z": ("2026-11-28T03:06:57Z x", "2026-12-01T03:06:57Z x"),
    "ctime": ("Sat Nov 28 03:06:57 2026 begin", "Sun Nov 29 23:00:01 2026 begin"),
    "syslog": ("Nov 28 03:06:57 host", "Dec  1 03:06:58 host"),
    "name of a folder": ("runs/20261128-030657/best", "runs/20261129-040000/best"),
    "day": ("started 28.11.2026", "started 29.11.2026"),
    "traceback": ('  File "a/train.py", line 17, in f', '  File "a/train.py", line 19, in f'),
    "how long it took": ("epoch 3 took 0:00:12", "epoch 3 took 0:00:13"),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_left_out(name: str) -> None:
    recorded, replayed = TIMES[name]

    assert likeness(recorded, replayed) == "identical"
    assert likeness(recorded, replayed + "!") == "different"


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ("loss 0.51", "loss 0.52"),
        ("version 1.2.34", "version 1.2.35"),
        ("step 20261128", "step 20261129"),
        ("10:00:01 loss 0.51", "10:00:01 loss 0.52"),
        ("10:00:01 loss 0.51", "10:00:02 loss 0.52"),
        ("ratio 3:4", "ratio 3:5"),
        ("1/2/3", "1/2/4"),
        ("a  b", "a  c"),
        (["10:00:01"], ["10:00:02"]),
        (1, 2),
        ("line 14", "line 16"),
        ('  File "a.py", line 17, in f', '  File "a.py", line 17, in g'),
    ],
)
def test_all_else_counts(recorded: object, replayed: object) -> None:
    assert likeness(recorded, replayed, (14, 15)) == "different"


def test_lines_are_those_that_logged() -> None:
    assert likeness("train.py:14 x 3", "train.py:15 x 3", (14, 15)) == "identical"
    assert likeness("train.py:14 x 3", "train.py:15 x 4", (14, 15)) == "different"
    assert likeness("train.py:14", "train.py:15", (15, 14)) == "different"
    assert likeness("train.py:14", "train.py:15") == "different"
    assert likeness("in line 14: x", "in line 15: x", (14, 15)) == "identical"
    assert likeness("train.py:14 loss 14", "train.py:15 loss 15", (14, 15)) == "different"
    assert likeness("14", "15", (14, 15)) == "different"


def test_numbers_within_the_tolerance_are_near() -> None:
    assert likeness(1.0, 1.0, (1, 1), 0.1) == "identical"
    assert likeness(1.0, 1.01, (1, 1), 0.1) == "near"
    assert likeness(1.0, 1.01) == "different"
