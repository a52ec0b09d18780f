"""What cannot be captured is named; what cannot be restored is refused before anything changes."""

from __future__ import annotations

import copy
import datetime
import re
import socket
import sys
import threading
import types

import numpy as np
import pytest
import torch

from florlib.ground.checkpoint_format import digest
from florlib.runtime.graph import memory
from florlib.runtime.graph.decode import Decoder, RestoreRefused
from florlib.runtime.graph.encode import Encoder
from florlib.runtime.graph.memory import Block, Stored
from tests.runtime import things
from tests.runtime.graphs import SCOPE, capture, difference, is_project, put_back, stored
from tests.runtime.things import Both, Thing, counter


def changed_world():
    """Live objects that a refused restore must leave exactly as they are."""
    weight = torch.ones(3)
    return {"weight": weight, "view": weight[1:], "list": [1, [2]], "slots": Both()}


def refused(names, live, *, match):
    """A capture with these names cannot be put back; the live objects stay as they are."""
    refuses(capture({**changed_world(), **names}), live, match=match)


def refuses(captured, live, *, match):
    """This capture cannot be put back; the live objects stay as they are."""
    for tensor in (live["weight"],):
        tensor.fill_(9)
    live["list"].append("changed")
    live["slots"].b = 2
    before = dict(live), copy.deepcopy({name: live[name] for name in changed_world()})

    with pytest.raises(RestoreRefused, match=match):
        put_back(captured, live)

    assert all(live[name] is before[0][name] for name in before[0])
    assert difference({name: live[name] for name in before[1]}, before[1]) is None


def test_a_pickled_object_of_a_run_from_elsewhere_is_not_loaded(monkeypatch):
    captured = capture({"day": datetime.date(2026, 11, 23)})
    assert [node["k"] for node in captured.tree["nodes"] if "k" in node] == ["opaque"]
    state = stored(captured)
    live = {(SCOPE, "day"): datetime.date(2020, 1, 1)}
    monkeypatch.setattr("pickle.loads", lambda data: pytest.fail("it was loaded"))

    with pytest.raises(RestoreRefused, match="day: a pickled object of a run from elsewhere"):
        Decoder(state.tree, state.read, trusted=False).restore(live, frozenset())
    unread = Decoder(state.tree, state.read, trusted=False).restore(live, frozenset(live))

    assert unread == {}  # nothing reads it before it is set again


def test_a_socket_that_is_not_there_is_refused():
    with socket.socket() as live:
        refused({"socket": live}, changed_world(), match="socket")


def test_a_lock_that_is_not_there_is_refused():
    refused({"lock": threading.Lock()}, changed_world(), match="lock: a lock that this process")


def test_a_closure_that_is_not_there_is_refused():
    refused({"count": counter()}, changed_world(), match="count: ")


@pytest.mark.parametrize(
    "make",
    [lambda: things.Thing(a=1), lambda: [things.Pair(1, 2)], lambda: {"k": things.Colour.RED}],
)
def test_a_class_that_is_not_there_is_refused(make, monkeypatch):
    captured, live = capture({**changed_world(), "last": make()}), changed_world()
    for name in ("Pair", "Colour", "Thing"):
        monkeypatch.delattr(things, name)

    refuses(captured, live, match=r"last: .*(Thing|Pair|Colour) is not there")


def test_an_open_file_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "f").write_text("text")
    with (tmp_path / "f").open() as file:
        refused({"file": file}, changed_world(), match="an open file")


def test_a_damaged_block_changes_nothing():
    live = changed_world()
    captured = capture({**live, "last": torch.ones(2)})
    state = stored(captured)
    live["weight"].fill_(9)
    live["list"].append("changed")
    before = copy.deepcopy(live)

    def read(name):
        if name == "last":
            raise RestoreRefused("damaged")
        return state.read(name)

    from florlib.runtime.graph.decode import Decoder
    from tests.runtime.graphs import SCOPE

    roots = {(SCOPE, name): value for name, value in live.items()}
    with pytest.raises(RestoreRefused):
        Decoder(state.tree, read).restore(roots, frozenset())

    assert difference(live, before) is None


@pytest.mark.parametrize("name", ["lock", "count", "file"])
def test_what_nothing_reads_is_no_reason_to_refuse(name, tmp_path):
    (tmp_path / "f").write_text("text")
    with (tmp_path / "f").open() as file:
        made = {"lock": threading.Lock(), "count": counter(), "file": file}[name]
        captured = capture({"weight": torch.ones(2), name: made})

        live = put_back(captured, {"weight": torch.zeros(2)}, dead=(name,))

    assert live["weight"].tolist() == [1, 1]
    assert name not in live


def test_a_lost_part_of_a_dead_name_that_a_read_name_shares_is_refused():
    shared = Thing(lock=threading.Lock())

    with pytest.raises(RestoreRefused):
        put_back(capture({"dead": [shared], "read": [shared]}), {}, dead=("dead",))


def test_a_lock_stays_the_one_of_this_process():
    live = {"lock": threading.Lock(), "thing": Thing(lock=threading.Lock(), n=1)}
    lock, inner, captured = live["lock"], live["thing"].lock, capture(live)
    live["thing"].n = 2

    put_back(captured, live)

    assert live["lock"] is lock
    assert live["thing"].lock is inner
    assert live["thing"].n == 1


def test_a_file_that_is_read_goes_back_to_its_place(tmp_path):
    (tmp_path / "f").write_text("one\ntwo\nthree\n")
    with (tmp_path / "f").open() as file:
        file.readline()
        live = {"file": file}
        captured = capture(live)
        file.readline()

        put_back(captured, live)

        assert file.readline() == "two\n"


MISSING = {
    "a generator": (lambda: (n for n in range(3)), "a generator .* under way"),
    "an iterator": (lambda: iter([1, 2]), "an iterator .* under way"),
    "an iterator inside": (lambda: {"deep": [zip([1], [2], strict=True)]}, "an iterator"),
    "what pickles not": (sys._getframe, "a frame that cannot be captured"),
    "records of objects": (
        lambda: np.zeros(2, dtype=[("x", "O"), ("y", "f4")]),
        "records that hold objects",
    ),
    "an attribute that raises": (
        lambda: Raising(),  # noqa: PLW0108
        "a Raising that cannot be captured .*no such luck",
    ),
}


class Raising:
    """A class whose slot cannot be looked at."""

    __slots__ = ("x",)

    def __getattribute__(self, name: str) -> object:
        if name == "x":
            raise RuntimeError("no such luck")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(("make", "reason"), MISSING.values(), ids=MISSING)
def test_what_cannot_be_captured_is_named(make, reason):
    captured = capture({"a": make(), "b": [1]})

    assert [item.name for item in captured.missing] == ["a"]
    assert re.search(reason, captured.missing[0].reason)
    assert put_back(captured, {"a": make(), "b": []})["b"] == [1]


def test_the_path_to_what_is_missing_is_told():
    captured = capture({"run": Thing(parts=[{"it": iter("ab")}])})

    assert captured.missing[0].path == "run.parts[0]['it']"


def steady(block: Block) -> Stored:
    """What is known once this block was stored and found unchanged."""
    return Stored({(digest(block.view), len(block.view)): ("k", "a")}, {block.origin})


@pytest.mark.parametrize("dtype", ["f8", "c16", "datetime64[s]", "U3", ">i4", "?"])
def test_content_that_is_stored_already_is_not_copied(dtype):
    array = np.zeros(1 << 20, dtype=dtype)
    known = steady(Encoder(is_project).capture([("s", "a", array)]).blocks["a"])

    second = Encoder(is_project, known).capture([("s", "a", array)])

    assert second.missing == []
    assert second.blocks["a"].held in known.contents
    assert len(second.blocks["a"].data) == 0


def test_a_tensor_that_is_stored_already_is_copied_when_it_has_changed():
    tensor = torch.ones(1 << 20)
    known = steady(Encoder(is_project).capture([("s", "a", tensor)]).blocks["a"])

    same = Encoder(is_project, known).capture([("s", "a", tensor), ("s", "b", tensor + 1)])
    tensor[7] = 3
    changed = Encoder(is_project, known).capture([("s", "a", tensor)])

    assert same.blocks["a"].held in known.contents
    assert same.blocks["b"].held is None
    assert changed.blocks["a"].held is None
    assert len(changed.blocks["a"].data) == 4 << 20


def test_a_memoryview_is_named_and_stays_a_view():
    live = {"bytes": bytearray(b"ab")}
    live["view"] = memoryview(live["bytes"])
    captured = capture(live)
    live["bytes"][0] = 0

    put_back(captured, live)

    assert [item.name for item in captured.missing] == ["view"]
    assert live["view"].tobytes() == b"ab"
    assert live["view"].obj is live["bytes"]


def test_memory_that_a_library_has_taken_away_is_named_and_not_read():
    storage = types.SimpleNamespace(data_ptr=lambda: 0, nbytes=lambda: 16)
    hollow = types.SimpleNamespace(
        element_size=lambda: 4,
        untyped_storage=lambda: storage,
        dtype=torch.float32,
        is_contiguous=lambda: True,
        numel=lambda: 4,
        shape=(4,),
        is_cpu=True,
        is_inference=lambda: True,
    )

    with pytest.raises(ValueError, match="not there"):
        memory.storage_block(hollow)
