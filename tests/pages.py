"""A home with something to see on the page: runs of several kinds, values that are facts and such that are not."""

from __future__ import annotations

import math
import random
from typing import Any

from florlib.ground.layout import RunLayout
from tests.homes import (
    END,
    HINDSIGHT,
    Home,
    Record,
    checkpoint,
    enter,
    exit_,
    iteration,
    log,
    overhead,
)

STEPS = 40


def populate(home: Home) -> None:
    """Five runs of one name; two of them were asked later, and one of the answers has diverged."""
    train(home, "3fa81c", 1, lr=0.02, width=32)
    train(home, "77b2e0", 2, lr=0.05, width=32)
    third = train(home, "c1d944", 3, lr=0.1, width=64)
    fourth = train(home, "90ee17", 4, lr=0.1, width=128)
    train(home, "5512ab", 5, lr=0.3, width=64, epochs=17, nan_from=15, exit_status=1)
    _asked(home, third, "b00001", "verified", range(20))
    _asked(home, fourth, "b00002", "verified", range(12))
    _asked(home, fourth, "b00003", "diverged", range(12, 20), shift=0.7)


def train(
    home: Home,
    token: str,
    ordinal: int,
    *,
    lr: float,
    width: int,
    epochs: int = 20,
    nan_from: int | None = None,
    exit_status: int = 0,
) -> RunLayout:
    """A run whose loss falls the faster the larger lr is."""
    noise = random.Random(ordinal)
    records: list[Record] = [
        {"kind": "arg", "name": name, "value": value, "source": "argparse"}
        for name, value in {"lr": lr, "width": width, "seed": ordinal}.items()
    ]
    records.append(enter([], "epoch", "main"))
    for epoch in range(epochs):
        here = [["epoch", epoch]]
        is_lost = nan_from is not None and epoch >= nan_from
        records.append(checkpoint(epoch, bytes=400_000, stall_s=0.002))
        for step in range(STEPS):
            loss: Any = _loss(epoch + step / STEPS, lr, width, noise)
            loss = {"$float": "NaN"} if is_lost else loss
            records.append(log([*here, ["batch", step]], ("loss", loss)))
        learned = 1 - 0.9 * math.exp(-(epoch + 1) * lr * 4) + noise.gauss(0, 0.004)
        accuracy = learned - 0.3 / math.sqrt(width)
        records += [exit_(here, "batch", STEPS), iteration(epoch, 3.0)]
        records.append(log(here, ("accuracy", accuracy), ("lr", lr * 0.93**epoch)))
    records.append(overhead(stall_s=0.2 + noise.random() / 5))
    records += [exit_([], "epoch", epochs, "main"), {**END, "exit_status": exit_status}]
    return home.run(
        token,
        name="mnist",
        ordinal=ordinal,
        minutes_ago=60 * (6 - ordinal),
        records=records,
        command=["/usr/bin/python", "train.py", "--lr", str(lr), "--width", str(width)],
        project="/home/ann/mnist",
        exit_status=exit_status,
        tags={"data": "5k"},
    )


def _loss(epochs: float, lr: float, width: int, noise: random.Random) -> float:
    falling = 2.3 * math.exp(-epochs * lr * 6) + 1.4 / math.sqrt(width)
    return abs(falling + noise.gauss(0, 0.05) * math.exp(-epochs / 15)) + 0.01


def _asked(
    home: Home, layout: RunLayout, token: str, mark: str, epochs: range, shift: float = 0.0
) -> None:
    """A replay that logs what the run had not."""
    noise = random.Random(token)
    rows = [
        log(
            [["epoch", epoch]],
            ("gradient norm", 3 * math.exp(-epoch / 9 + noise.gauss(0, 0.08)) + shift, HINDSIGHT),
        )
        for epoch in epochs
    ]
    marks = {"journal.0.200.flor": [[len(rows), mark]]}
    home.replay(layout, token, rows, {"status": mark, "seconds": 4.5, "marks": marks})
