"""Arrays and random generators come back: bits, order, views, and what is drawn next."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tests.runtime.graphs import capture, difference, put_back


def read_only() -> np.ndarray:
    array = np.arange(4.0)
    array.flags.writeable = False
    return array


def records() -> np.ndarray:
    array = np.zeros(3, dtype=[("x", "<f4"), ("y", "<i8", (2,)), ("name", "U4")])
    array["x"], array["name"] = np.float32(-0.0), "ab"
    return array


def aligned_records() -> np.ndarray:
    array = np.zeros(3, dtype=np.dtype([("x", "u1"), ("y", "<f8")], align=True))
    array["x"], array["y"] = 7, -0.0
    return array


def objects() -> np.ndarray:
    array = np.empty((2, 2), dtype=object)
    array[:] = [[None, [1, 2]], ["text", {"a": 1}]]
    return array


class Marked(np.ndarray):
    """An array class of the user's."""


MADE = {
    "floats": lambda: np.array([1.5, -0.0, np.nan, np.inf]),
    "half": lambda: np.arange(3, dtype=np.float16),
    "complex": lambda: np.array([1 + 2j, complex(np.nan, -0.0)]),
    "booleans": lambda: np.array([True, False]),
    "text": lambda: np.array(["a", "longer", ""]),
    "bytes": lambda: np.array([b"a", b"bc"]),
    "times": lambda: np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    "big-endian": lambda: np.arange(3, dtype=">i4"),
    "no dimension": lambda: np.array(1.25),
    "no element": lambda: np.zeros((0, 3)),
    "Fortran order": lambda: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed axes": lambda: np.ascontiguousarray(np.arange(24.0).reshape(2, 3, 4)).copy("C"),
    "read-only": read_only,
    "records": records,
    "aligned records": aligned_records,
    "objects": objects,
    "a class of the user's": lambda: np.arange(3.0).view(Marked).copy(),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_all_forms(make):
    captured = capture({"a": make()})

    anew = put_back(captured, {})
    over = put_back(captured, {"a": make()})
    instead = put_back(captured, {"a": "something else"})

    for restored in (anew, over, instead):
        assert difference(restored, {"a": make()}) is None


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
@pytest.mark.parametrize("live", [np.zeros(2), records()[:1].copy(), objects()[:1].copy()])
def test_an_array_of_another_form_is_replaced(make, live):
    restored = put_back(capture({"a": make()}), {"a": live})

    assert difference(restored, {"a": make()}) is None


@pytest.mark.parametrize("name", ["floats", "Fortran order", "records", "objects", "no dimension"])
def test_an_array_is_filled_where_it_lies(name):
    live = {"a": MADE[name]()}
    array, captured = live["a"], capture(live)
    array[...] = np.zeros((), dtype=array.dtype)

    put_back(captured, live)

    assert live["a"] is array
    assert difference(live, {"a": MADE[name]()}) is None


def looks() -> dict[str, np.ndarray]:
    whole = np.arange(24.0).reshape(4, 6)
    return {
        "row": whole[1],
        "whole": whole,
        "step": whole[::2, 1::3],
        "turned": whole.T,
        "back": whole[::-1],
        "wide": np.broadcast_to(whole[:, :1], (4, 3)),
    }


@pytest.mark.parametrize("into_live", [False, True])
def test_views_look_into_one_array_again(into_live):
    captured = capture(looks())
    live = looks() if into_live else {}
    if live:
        live["whole"][...] = -1

    put_back(captured, live)

    live["whole"][1, 1], live["whole"][0, 0] = 99, 98
    assert live["row"][1] == live["turned"][1, 1] == live["back"][2, 1] == 99
    assert live["wide"][0, 2] == 98
    expected = looks()
    expected["whole"][1, 1], expected["whole"][0, 0] = 99, 98
    assert all(np.array_equal(live[name], expected[name]) for name in expected)
    assert not live["wide"].flags.writeable


def test_what_cannot_be_written_stays_where_it_holds_the_same(tmp_path):
    path = tmp_path / "x.bin"
    np.arange(6.0).tofile(path)
    mapped = np.memmap(path, dtype="f8", mode="r", shape=(2, 3))
    live = {"mapped": mapped, "row": mapped[1], "constant": read_only()}
    kept, captured = dict(live), capture(live)

    put_back(captured, live)

    assert all(live[name] is kept[name] for name in live)
    assert live["mapped"].filename == path


def test_what_cannot_be_written_and_holds_something_else_is_made_anew(tmp_path):
    path = tmp_path / "x.bin"
    np.arange(6.0).tofile(path)
    mapped = np.memmap(path, dtype="f8", mode="r", shape=(2, 3))
    captured = capture({"mapped": mapped, "row": mapped[1]})
    np.zeros(6).tofile(path)
    changed = np.memmap(path, dtype="f8", mode="r", shape=(2, 3))
    live = {"mapped": changed, "row": changed[1]}

    put_back(captured, live)

    assert live["mapped"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert live["row"].base is live["mapped"]
    assert type(live["mapped"]) is np.memmap
    assert capture(live).tree == captured.tree


def test_views_that_came_apart_look_into_one_array_again():
    live = {"view": None, "whole": np.arange(6.0)}
    live["view"] = live["whole"][2:]
    captured = capture(live)
    live["view"] = np.zeros(6)[2:]

    put_back(captured, live)

    live["whole"][2] = 9
    assert live["view"].tolist() == [9, 3, 4, 5]


@pytest.mark.parametrize("into_live", [True, False])
def test_views_of_another_order_or_type_look_into_the_array_again(into_live):
    def views():
        columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
        rows = np.zeros(3, dtype=[("a", "f4"), ("b", "i8")])
        return {
            "columns": columns,
            "turned": columns.T,
            "bits": columns.T[1:].view("i8"),
            "rows": rows,
            "a": rows["a"],
        }

    live = views()
    live["columns"][0, 1], live["a"][2] = 7, 8
    captured = capture(live)

    back = put_back(captured, views() if into_live else {})
    back["turned"][2, 1] = 9
    back["rows"]["a"][0] = 5

    assert back["columns"].tolist() == [[0, 7, 2], [3, 4, 9]]
    assert back["bits"].view("f8").tolist() == [[7, 4], [2, 9]]
    assert back["a"].tolist() == [5, 0, 8]


def test_a_tensor_and_an_array_that_share_memory():
    live = {"array": np.arange(4.0)}
    live["tensor"] = torch.from_numpy(live["array"])
    captured = capture(live)
    live["array"][...] = 0

    put_back(captured, live)

    live["array"][0] = 9
    assert live["tensor"].tolist() == [9, 1, 2, 3]


def test_a_view_of_a_read_only_buffer():
    live = {"a": np.frombuffer(b"abcdefgh", dtype=np.uint8)}
    captured = capture(live)

    over = put_back(captured, live)
    anew = put_back(captured, {})

    assert over["a"].tobytes() == anew["a"].tobytes() == b"abcdefgh"


GENERATORS = {
    "random.Random": (lambda: random.Random(3), lambda made: made.gauss(0, 1)),
    "default_rng": (lambda: np.random.default_rng(3), lambda made: made.random()),
    "Philox": (lambda: np.random.Generator(np.random.Philox(3)), lambda made: made.random()),
    "MT19937": (lambda: np.random.Generator(np.random.MT19937(3)), lambda made: made.random()),
    "SFC64": (lambda: np.random.Generator(np.random.SFC64(3)), lambda made: made.random()),
    "RandomState": (lambda: np.random.RandomState(3), lambda made: made.normal()),
    "PCG64": (lambda: np.random.PCG64(3), lambda made: int(made.random_raw())),
    "torch": (
        lambda: torch.Generator().manual_seed(3),
        lambda made: torch.rand((), generator=made).item(),
    ),
}


@pytest.mark.parametrize(("make", "draw"), GENERATORS.values(), ids=GENERATORS)
@pytest.mark.parametrize("into_live", [False, True])
def test_a_generator_draws_what_it_would_have_drawn(make, draw, into_live):
    live = {"a": make(), "alias": None}
    draw(live["a"])
    live["alias"] = [live["a"]]
    captured = capture(live)
    generator = live["a"]
    expected = [draw(generator) for _ in range(3)]

    restored = put_back(captured, live if into_live else {})

    assert [draw(restored["a"]) for _ in range(3)] == expected
    assert restored["alias"][0] is restored["a"]
    assert (restored["a"] is generator) == into_live


def test_two_generators_over_one_source_of_bits():
    bits = np.random.PCG64(3)
    live = {"one": np.random.Generator(bits), "bits": bits}
    captured = capture(live)
    expected = live["one"].random(3).tolist()

    put_back(captured, live)

    assert live["one"].random(3).tolist() == expected


def test_a_subclass_of_random_keeps_its_attributes():
    live = {"a": Counting(3)}
    live["a"].count = 5
    captured = capture(live)
    live["a"].count = 6

    put_back(captured, live)

    assert live["a"].count == 5


class Counting(random.Random):
    """A generator of the user's, with an attribute."""

    count = 0


@pytest.mark.parametrize("length", [63, 64, 5000])
@pytest.mark.parametrize("item", [7, -1.5, float("nan"), -0.0, 1 << 70, True, "text"], ids=repr)
def test_long_lists(item, length):
    captured = capture({"a": [item] * length})

    anew = put_back(captured, {})
    over = put_back(captured, {"a": [0]})

    assert difference(anew, {"a": [item] * length}) is None
    assert difference(over, {"a": [item] * length}) is None
