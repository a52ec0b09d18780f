"""Functions, classes and what refers to them: the code stays, what it has changed comes back."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import reprlib
import runpy
import sys
import time
import types
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
import torch

from florlib.runtime.graph import codes
from florlib.runtime.graph.decode import RestoreRefused
from florlib.runtime.graph.parts import class_attributes
from tests.runtime import things
from tests.runtime.graphs import capture, compared, difference, put_back
from tests.runtime.things import Access, Both, Colour, Counted, Pair, Tally, Thing, Watched, counter


def test_nonlocal_variables_come_back():
    live = {"count": counter()}
    live["count"]()
    function, captured = live["count"], capture(live)
    live["count"]()

    put_back(captured, live)

    assert live["count"] is function
    assert function() == 2
    assert function.__closure__[1].cell_contents == [1, 2]


def test_functions_that_share_a_variable_still_do():
    def make():
        total = [0]

        def add():
            total[0] += 1

        def get():
            return total[0]

        return add, get

    live = dict(zip(("add", "get"), make(), strict=True))
    live["add"]()
    captured = capture(live)
    live["add"]()

    put_back(captured, live)

    assert live["get"]() == 1
    live["add"]()
    assert live["get"]() == 2


def test_a_function_that_took_the_place_of_another_is_refused_or_comes_back():
    live = {"part": lambda value: value + 2}
    captured = capture(live)
    live["part"] = lambda value: value * 3

    with pytest.raises(RestoreRefused, match="cannot be made anew"):
        put_back(captured, live)
    assert live["part"](5) == 15
    assert compared(captured, capture(live)).differences


def test_functions_of_a_module_that_was_loaded_are_made_anew(tmp_path, monkeypatch):
    text = (
        "def make(kind, step):\n"
        "    if kind:\n"
        "        def part(value, times=[2]):\n"
        "            return value * times[0] + step\n"
        "    else:\n"
        "        def part(value):\n"
        "            return value - step\n"
        "    return part\n"
    )
    module = types.ModuleType("tests.runtime.lessons")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(codes, "_loaded", {})
    code = compile(text, str(tmp_path / "lessons.py"), "exec")
    codes.remember(module.__name__, code)
    exec(code, vars(module))
    live = {"part": module.make(True, 3)}
    captured = capture(live)
    live["part"] = module.make(False, 4)

    put_back(captured, live)

    assert live["part"](10) == 23
    assert live["part"].__qualname__ == "make.<locals>.part"
    live["part"].__defaults__[0][0] = 3
    assert module.make(True, 3)(10) == 23


def test_defaults_of_a_function_come_back():
    live = {"part": lambda value, times=2: value * times}
    captured = capture(live)
    live["part"].__defaults__ = (7,)

    put_back(captured, live)

    assert live["part"](5) == 10


class Keeper:
    """Keeps things in its functions, not in itself."""

    @staticmethod
    def remember(value, memory=[]):  # noqa: B006
        """Append to the default."""
        memory.append(value)
        return memory

    @property
    def last(self):
        """The last that was kept."""
        return Keeper.last.fget.kept

    def __call__(self):
        """Count calls."""
        Keeper.__call__.calls += 1


def test_what_functions_of_a_class_keep_comes_back():
    live = {"keeper": Keeper()}
    Keeper.last.fget.kept, Keeper.__call__.calls = 1, 0
    memory = Keeper.remember(5)
    captured = capture(live)
    Keeper.remember(6)
    Keeper.last.fget.kept = 2
    live["keeper"]()

    put_back(captured, live)

    assert memory == [5]
    assert live["keeper"].last == 1
    assert Keeper.__call__.calls == 0


def test_names_of_a_module_that_import_does_not_know_come_back():
    notes = types.ModuleType("notes")
    notes.rows = rows = [1]
    live = {"notes": notes}
    captured = capture(live)
    rows.append(2)
    notes.extra = 3

    put_back(captured, live)

    assert live["notes"] is notes
    assert (notes.rows, hasattr(notes, "extra")) == ([1], False)
    assert notes.rows is rows


def test_names_of_a_program_that_was_run_come_back(tmp_path):
    text = "rate, turns, seen = 0.1, 0, []\ndef turn():\n    global turns\n    turns += 1\n    return turns\n"
    (tmp_path / "settings.py").write_text(text)
    live = {"settings": runpy.run_path(str(tmp_path / "settings.py"))}
    captured = capture(live)
    live["settings"]["rate"] = 0.5
    live["settings"]["turn"]()
    live["settings"]["seen"].append(1)

    put_back(captured, live)

    assert (live["settings"]["rate"], live["settings"]["seen"]) == (0.1, [])
    assert live["settings"]["turn"]() == 1


def test_an_unbound_variable_of_a_closure_is_left_alone():
    def make():
        def early():
            return late

        if False:
            late = 1
        return early

    live = {"early": make()}

    put_back(capture(live), live)

    with pytest.raises(NameError):
        live["early"]()


def test_attributes_and_defaults_of_a_function_come_back(monkeypatch):
    monkeypatch.setattr(things.remember, "__defaults__", ([],))
    live = {"remember": things.remember}
    things.remember(1)
    things.remember.calls = 1
    captured = capture(live)
    things.remember(2)
    things.remember.calls = 2

    put_back(captured, live)

    assert things.remember(3) == [1, 3]
    assert things.remember.calls == 1
    del things.remember.calls


def test_attributes_of_a_class_come_back(monkeypatch):
    monkeypatch.setattr(Tally, "total", 3)
    monkeypatch.setattr(Tally, "seen", [1])
    live = {"Tally": Tally}
    seen, captured = Tally.seen, capture(live)
    Tally.total = 4
    Tally.seen.append(2)

    put_back(captured, live)

    assert Tally.total == 3
    assert Tally.seen is seen
    assert seen == [1]


@dataclasses.dataclass
class Settings:
    """One that `dataclass` gives a guarded `__repr__`."""

    rate: float = 0.1


class Told:
    """Guards its own against recursion, and keeps something in it."""

    @reprlib.recursive_repr()
    def __repr__(self, told=[]):  # noqa: B006  # a default that it adds to is what is kept
        """Count how often it was asked."""
        told.append(1)
        return f"asked {len(told)} times"


class Listed:
    """Guards one that is no function of Python's."""

    __repr__ = reprlib.recursive_repr()(functools.lru_cache(lambda self: "listed"))


def test_a_guarded_repr_is_captured_where_it_keeps_something():
    assert class_attributes(Settings, lambda _: True) == {"rate": 0.1}
    assert "__repr__" in class_attributes(Listed, lambda _: True)
    live = {"Told": Told}
    repr(Told())
    captured = capture(live)
    repr(Told())

    put_back(captured, live)

    assert repr(Told()) == "asked 2 times"


def test_attributes_of_the_class_of_an_object_come_back(monkeypatch):
    monkeypatch.setattr(Tally, "total", 3)
    live = {"tally": Tally()}
    captured = capture(live)
    Tally.total = 4

    put_back(captured, live)

    assert Tally.total == 3


def test_a_bound_method_belongs_to_its_object_again():
    live = {"thing": Thing()}
    live["step"] = live["thing"].count
    captured = capture(live)
    live["step"]()

    put_back(captured, live)

    assert not hasattr(live["thing"], "calls")
    assert live["step"]() == 1
    assert live["thing"].calls == 1


def test_a_bound_method_of_a_base_class_keeps_its_class():
    live = {"made": Overriding()}
    live["super"] = super(Overriding, live["made"]).count
    captured = capture(live)

    put_back(captured, live)

    assert live["super"]() == 1


class Overriding(Thing):
    """Overrides a method, so that its name leads elsewhere."""

    def count(self) -> int:
        """Another one."""
        return -1


def test_a_method_of_a_list():
    live = {"history": [1]}
    live["add"] = live["history"].append
    captured = capture(live)
    live["add"](2)

    put_back(captured, live)
    live["add"](3)

    assert live["history"] == [1, 3]


def test_a_class_method():
    live = {"make": Maker.make}

    put_back(capture(live), live)
    anew = put_back(capture(live), {})

    assert live["make"]() is anew["make"]() is Maker


class Maker:
    """Has a class method."""

    @classmethod
    def make(cls) -> type:
        """The class."""
        return cls


def test_partials():
    live = {"part": functools.partial(things.remember, 1, memory=[0])}
    live["memory"] = live["part"].keywords["memory"]
    captured = capture(live)
    live["part"]()

    put_back(captured, live)

    assert live["memory"] == [0]
    assert live["part"]() is live["memory"]


VALUES = {
    "nan": math.nan,
    "minus nan": -math.nan,
    "infinity": -math.inf,
    "minus zero": -0.0,
    "smallest": 5e-324,
    "big": 1 << 4000,
    "biggest": -(1 << 100_000),
    "enum": Colour.GREEN,
    "flag": Access.READ,
    "flags": Access.READ | Access.WRITE,
    "no flag": Access(0),
    "library's flags": re.IGNORECASE | re.MULTILINE,
    "path": Path("a") / "b",
    "pure path": PurePosixPath("/x/../y"),
    "windows": PureWindowsPath("C:/x"),
    "surrogate": "\ud800 and \udfff",
    "surrogate key": {"\ud800": [1]},
    "zero byte": "a\0b",
    "pair": Pair([1], (2, [3])),
    "range": range(10, 0, -3),
    "slice": slice(None, 4, [1]),
    "frozen": frozenset({1, ("a", 2.0)}),
    "not implemented": NotImplemented,
    "type": dict,
    "nested type": Thing,
    "builtin": len,
    "module function": math.sin,
    "what torch returns": torch.tensor([3.0, 1.0]).max(0),
    "time": time.gmtime(0),
    "pattern": re.compile("a+", re.IGNORECASE),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values(value):
    captured = capture({"a": value, "b": [value, {"k": value}]})

    over = put_back(captured, {"a": value, "b": None})
    instead = put_back(captured, {"a": None, "b": [value, {"k": 0}]})

    expected = {"a": value, "b": [value, {"k": value}]}
    assert captured.missing == []
    for restored in (over, instead):
        assert difference(restored, expected) is None


class Celsius(float):
    """A float of the user's, with an attribute."""

    unit: str


class Whole(int):
    """An int of the user's."""


class Text(str):
    """A text of the user's."""

    __slots__ = ()


def degrees() -> Celsius:
    made = Celsius(1.5)
    made.unit = "C"
    return made


@pytest.mark.parametrize("make", [degrees, lambda: Whole(3), lambda: Text("a")])
def test_values_of_classes_of_the_users(make):
    restored = put_back(capture({"a": [make()]}), {"a": [0]})["a"][0]

    assert type(restored) is type(make())
    assert restored == make()
    assert vars(restored) == vars(make()) if hasattr(make(), "__dict__") else True


def test_a_subclass_of_tuple_keeps_its_attributes():
    made = Marked([1, 2])
    made.note = [3]
    captured = capture({"a": made})
    made.note.append(4)

    restored = put_back(captured, {"a": made})["a"]

    assert type(restored) is Marked
    assert restored == (1, 2)
    assert restored.note == [3]


class Marked(tuple):
    """A tuple of the user's, with an attribute."""


def test_an_object_that_refuses_attributes_is_restored_all_the_same():
    live = {"a": Watched()}
    live["a"].__dict__["count"] = 1
    captured = capture(live)
    live["a"].__dict__["count"] = 2

    put_back(captured, live)

    assert vars(live["a"]) == {"count": 1}


def test_slots_that_were_empty_are_empty_again():
    live = {"a": Both()}
    live["a"].left = 1
    captured = capture(live)
    live["a"].right = 2

    put_back(captured, live)

    assert live["a"].left == 1
    assert not hasattr(live["a"], "right")


def test_attributes_added_since_are_gone():
    live = {"a": Thing(x=1)}
    captured = capture(live)
    live["a"].y = 2

    put_back(captured, live)

    assert vars(live["a"]) == {"x": 1}


def test_dataclasses_frozen_and_slotted():
    live = {"a": Point(1, [2])}
    captured = capture(live)
    live["a"].y.append(3)
    object.__setattr__(live["a"], "x", 5)

    put_back(captured, live)

    assert live["a"] == Point(1, [2])
    assert dataclasses.is_dataclass(live["a"])


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A frozen dataclass with slots."""

    x: int
    y: list[int]


def test_a_class_that_cannot_be_hashed_comes_back_by_each_of_its_names(monkeypatch):
    monkeypatch.setattr(Counted, "count", 1)
    live = {"one": Counted, "other": Counted}
    captured = capture(live)
    Counted.count = 2

    put_back(captured, live)

    assert Counted.count == 1
    assert captured.missing == []
