"""What a script logs is kept as it was at that moment, whatever it is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from florlib.ground.values import Array, Other, decode_value
from florlib.runtime.logbook import HINDSIGHT, VOLATILE, BatchEncoder, freeze
from tests.runtime.programs import REPOSITORY, Program
from tests.runtime.things import Colour, Pair, Thing


class Sour:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def logged(value):
    """The value as it is read back from the journal."""
    encoder = BatchEncoder(
        lambda file: file, lambda path, line: False, lambda path, line, name: False
    )
    record = encoder.encode([((), "x", freeze(value), "a.py", 1, 0)])
    return decode_value(json.loads(json.dumps(record, allow_nan=False))["rows"][0][2])


VALUES = {
    "integer": (3, 3),
    "very long integer": (-(1 << 50_000), -(1 << 50_000)),
    "float": (0.1, 0.1),
    "infinity": (-math.inf, -math.inf),
    "complex": (1 + 2j, 1 + 2j),
    "bytes": (b"a", b"a"),
    "tree": ({"a": [1, (2, "x")], 3: {"b": None}}, {"a": [1, (2, "x")], 3: {"b": None}}),
    "named tuple": (Pair(1, 2), (1, 2)),
    "tensor of no dimension": (torch.tensor(0.1), torch.tensor(0.1).item()),
    "boolean tensor": (torch.tensor(True), True),
    "gradient": (torch.tensor(2.0, requires_grad=True), 2.0),
    "numpy float": (np.float64(0.1), 0.1),
    "numpy half": (np.float16(0.1), float(np.float16(0.1))),
    "numpy boolean": (np.bool_(True), True),
    "set": ({1}, Other("set", "{1}")),
    "enum": (Colour.RED, Other("Colour", "<Colour.RED: 1>")),
    "sour": (Sour(), Other("Sour", "<Sour, whose repr raises RuntimeError>")),
    "sour key": ({Sour(): 1}, {"<Sour, whose repr raises RuntimeError>": 1}),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_values(value, expected):
    got = logged(value)

    assert got == expected
    assert type(got) is type(expected)


def test_nothing_and_what_has_no_plain_elements():
    assert logged(None) is None
    assert logged(torch.eye(2).to_sparse()).type_name == "Tensor"


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64],
)
def test_tensors_keep_every_bit(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype).t()

    got = logged(tensor)

    raw = bytes(tensor.contiguous().view(torch.uint8).flatten().tolist())
    name = str(dtype).removeprefix("torch.")
    assert got == Array(name, (3, 2), raw, "torch")


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", "c16", "?"])
def test_arrays_are_little_endian_in_order(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype).T

    got = logged(array)

    assert (got.shape, got.library) == ((3, 2), "numpy")
    values = np.frombuffer(got.data, np.dtype(dtype).newbyteorder("<")).reshape(3, 2)
    assert np.array_equal(values, array)


def test_what_changes_later_is_kept_as_it_was():
    tensor, items, array = torch.zeros(2), [1], np.zeros(2)
    kept = [freeze(value) for value in (tensor, items, array)]
    tensor.add_(1)
    items.append(2)
    array += 1

    assert kept[0].tolist() == [0, 0]
    assert kept[1] == [1]
    assert np.frombuffer(kept[2].data).tolist() == [0, 0]


def test_a_batch_names_positions_and_places_once():
    encoder = BatchEncoder(
        {"/p/a.py": "a.py"}.get,
        lambda path, line: line == 2,
        lambda path, line, name: line == 3,
    )
    here = (("epoch", 1),)

    record = encoder.encode(
        [
            ((), "a", 1, "/p/a.py", 1, 0),
            (here, "b", 2, "/p/a.py", 2, 0),
            (here, "c", 3, "/p/a.py", 3, 0),
            (here, "d", 4, "/lib/b.py", 9, 0),
            (here, "e", 5, None, 0, HINDSIGHT),
        ]
    )

    assert record == {
        "kind": "log",
        "rows": [
            [0, "a", 1, 0, 0],
            [1, "b", 2, 1, VOLATILE],
            [1, "c", 3, 2, HINDSIGHT],
            [1, "d", 4, 3, 0],
            [1, "e", 5, 3, HINDSIGHT],
        ],
        "positions": [[], [["epoch", 1]]],
        "sites": [["a.py", 1], ["a.py", 2], ["a.py", 3], [None, 0]],
    }


@pytest.mark.process
def test_a_value_that_cannot_be_kept_ends_nothing(program: Program) -> None:
    program.write(
        {
            "train.py": """
import flor
circle = []
circle.append(circle)
for epoch in flor.loop(range(2)):
    print(flor.log("circle", circle) is circle)
    flor.log("good", epoch)
"""
        }
    )

    plain, recorded = program.both("train.py", python_path=str(REPOSITORY))

    assert (
        (recorded.status, recorded.stdout) == (plain.status, plain.stdout) == (0, b"True\nTrue\n")
    )
    assert recorded.stderr.startswith("warning: flor could not log a value (RecursionError")
    assert program.values("good") == [0, 1]
    assert [record["code"] for record in program.kinds("warning")] == ["degraded"]


def test_an_object_is_kept_as_its_name_and_text():
    assert logged(Thing(x=1)).type_name == "Thing"


def test_what_is_logged_while_the_journal_is_written_is_not_lost(program: Program) -> None:
    program.write(
        {
            "train.py": """
import builtins
import flor

class Slow:
    def __repr__(self):
        if hasattr(builtins, "__flor__"):
            __flor__.session.flush()  # as the flusher's thread may, at any moment
        return "slow"

class Loss:
    def backward(self):
        pass

for epoch in range(3):
    Loss().backward()
    flor.log("before", epoch)
    flor.log("slow", Slow())
"""
        }
    )

    program.both("train.py", python_path=str(REPOSITORY))

    assert len(program.rows("before")) == len(program.rows("slow")) == 3
