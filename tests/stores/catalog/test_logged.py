"""Values on their way in: each row says what a reading of the journal, one value at a time, says."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from florctl.orchestrate.answers.harvest import harvest
from florctl.orchestrate.answers.lookup import catalog_of
from florlib.ground.values import encode_value
from florlib.stores.catalog.forms import number_of
from florlib.stores.catalog.interned import storable
from florlib.stores.catalog.places import Cursor
from tests.homes import (
    BOOT,
    HINDSIGHT,
    HOST,
    NOW,
    VOLATILE,
    Home,
    Position,
    Record,
    enter,
    exit_,
    process,
    write_journal,
)

LOOPS, NAMES = ("epoch", "step", 'a "%d" loop'), ("loss", "acc", "print", "näme \ud83d")
SITES: list[tuple[Any, int]] = [("train.py", 7), ("tr\udce9n.py", 8), (None, 0)]


def value(chance: random.Random) -> Any:
    """A logged value, mostly a float."""
    kinds = [
        lambda: chance.choice([math.nan, math.inf, -math.inf, -0.0, 0.1, 1e-7, 5e-324, 1e22]),
        lambda: chance.choice([0, -1, 2**63, 10**40, True, None, 1 << 9000]),
        lambda: chance.choice(["", 'a "line"\n', "x\udce9\ud83d", "é", "{}", "0.5"]),
        lambda: [chance.random(), {"a": (1, 2.5)}, {"$float": 0.5}, 1j, b"\x00"],
    ]
    is_plain = chance.random() < 0.7
    return chance.gauss(0, 10 ** chance.uniform(-9, 9)) if is_plain else chance.choice(kinds)()


def execution(chance: random.Random, *, around: Position | None = None) -> Iterator[Record]:
    """Records of what happens at a position, a value in each record of values."""
    here = around or []
    for loop in (None, *LOOPS[: 3 - len(here)], None):
        if loop is None or chance.random() < 0.3:
            for _ in range(chance.randrange(4)):
                flags = chance.choice([0, 0, 0, HINDSIGHT, VOLATILE])
                yield row_at(here, chance.choice(NAMES), value(chance), chance.randrange(3), flags)
        else:
            count = chance.randrange(4)
            yield enter(here, loop)
            for index in range(count):
                there = [*here, [loop, index]]
                yield row_at(there, "loss", chance.random(), 0, 0)
                yield from execution(chance, around=there)
            yield exit_(here, loop, count)


def row_at(position: Position, name: str, content: Any, site: int, flags: int) -> Record:
    row = [0, name, encode_value(content), site, flags]
    return {"kind": "log", "positions": [position], "sites": SITES, "rows": [row]}


def gathered(records: Iterator[Record], chance: random.Random) -> Iterator[Record]:
    """The same, many values in one record of values, as the recorder writes them."""
    held: Record | None = None
    for record in records:
        if held is not None and (record["kind"] != "log" or chance.random() < 0.02):
            yield held
            held = None
        if record["kind"] != "log":
            yield record
        elif held is None:
            held = record
        else:
            if held["positions"][-1] != record["positions"][0]:
                held["positions"].append(record["positions"][0])
            held["rows"].append([len(held["positions"]) - 1, *record["rows"][0][1:]])
    if held is not None:
        yield held


def one_by_one(records: list[Record]) -> list[tuple[Any, ...]]:
    """What stands in the catalog of a journal, by the plainest reading."""
    cursor, rows = Cursor(), []
    for record in records:
        if record["kind"] in ("enter", "exit"):
            cursor.meet(record["position"], record["loop"])
        for at, name, content, site, flags in record.get("rows", []):
            position = record["positions"][at]
            place, occurrence, turn = cursor.stand(position, name, flags)
            text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
            indices = [index for _, index in position] or [-1]
            iteration, step = indices[0], indices[-1] if len(indices) > 1 else -1
            path, line = SITES[site]
            source = (storable(path), line) if path else (None, None)
            stands = (*place, iteration, step, cursor.seq, occurrence, turn)
            rows.append((*stands, storable(name), text, number_of(content), flags, *source))
    return [(path, json.dumps(slots), *row) for path, slots, *row in rows]


def in_catalog(home: Home, journal: Path) -> list[tuple[Any, ...]]:
    with catalog_of(home.path) as connection:
        return connection.execute(
            "SELECT place.path, place.slots, iteration, step, log.seq, occurrence, turn, name.name,"
            " value, number, flags, site.path, site.line FROM process"
            " JOIN block ON block.process = process.key JOIN name ON name.key = block.name"
            " JOIN place ON place.key = block.place LEFT JOIN site ON site.key = block.site"
            " JOIN log ON log.key BETWEEN first AND last WHERE journal = ? ORDER BY log.seq",
            (str(journal.relative_to(home.path)),),
        ).fetchall()


def training(chance: random.Random) -> Iterator[Record]:
    """Records of what logs the same in each turn, as trainings do, but for some turns."""
    often = [chance.choice(NAMES[:2]) for _ in range(chance.randrange(1, 4))]
    first, stride = chance.choice([0, 0, 17]), chance.choice([1, 1, 10])
    yield row_at([], "loss", 0.5, 0, 0)
    yield enter([], "epoch")
    for epoch in range(chance.randrange(1, 6)):
        around: Position = [["epoch", epoch]]
        if chance.random() < 0.5:
            yield row_at(around, "acc", chance.random(), 1, 0)
        for index in range(first, first + stride * chance.randrange(1, 9), stride):
            here = [*around, ["step", index]]
            for name in often:
                yield row_at(here, name, chance.random(), 0, 0)
            if chance.random() < 0.1:
                name, flags = chance.choice(NAMES), chance.choice([0, HINDSIGHT, VOLATILE])
                yield row_at(here, name, value(chance), chance.randrange(3), flags)
        yield exit_(around, "step", 9)
        for name in NAMES[:3] if chance.random() < 0.8 else ():
            yield row_at(around, name, chance.random(), 2, 0)
    for index in range(chance.randrange(9)):
        yield row_at([["late", index]], "loss", chance.random(), 0, 0)


@pytest.mark.parametrize("told", [execution, training])
@pytest.mark.parametrize("piece_bytes", [4 << 20, 3000])
@pytest.mark.parametrize("seed", range(6))
def test_values_stand_as_they_were_journalled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    piece_bytes: int,
    told: Callable[[random.Random], Iterator[Record]],
):
    monkeypatch.setattr("florctl.orchestrate.answers.pieces.PIECE_BYTES", piece_bytes)
    chance, home = random.Random(seed), Home(tmp_path)
    layout = home.run()
    journals = {}
    for rank in range(2):
        records = [*gathered(told(chance), chance)]
        journals[layout.journal(rank, 100 + rank)] = records
        head = process(run=layout.run, rank=rank, pid=100 + rank)
        write_journal(layout.journal(rank, 100 + rank), [head, *records])

    done = harvest(home.path, now=NOW, boot=BOOT, host=HOST)

    assert done.problems == []
    assert done.values == sum(len(one_by_one(records)) for records in journals.values()) > 0
    for journal, records in journals.items():
        assert in_catalog(home, journal) == one_by_one(records)
