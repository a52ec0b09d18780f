"""Every single change between two captures is named by the name that people know."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from torch import nn

from tests.runtime.graphs import capture, compared
from tests.runtime.things import Both, Pair, Thing, counter


def world():
    """Something of every kind, under the names that the changes below use."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    opt = torch.optim.Adam(net.parameters())
    net(torch.randn(4, 2)).square().sum().backward()
    opt.step()
    slots = Both()
    slots.left, slots.mark = 1, 2
    grown, count = torch.arange(10.0), counter()
    count()
    return {
        "number": 1,
        "real": 0.0,
        "text": "a",
        "long_text": "x" * 100_000,
        "list": [1, [2.0]],
        "long": list(range(100)),
        "dict": {"a": 1, 2: [3], None: 4, (5, 6): 7},
        "ordered": OrderedDict(a=1, b=2),
        "factory": defaultdict(list, x=[1]),
        "counter": Counter("aab"),
        "deque": deque([1, 2], maxlen=3),
        "set": {1, 2},
        "frozen": frozenset({1}),
        "bytes": bytearray(b"ab"),
        "tuple": (1, (2, [3])),
        "pair": Pair(1, [2]),
        "thing": Thing(x=1, y=[2]),
        "slots": slots,
        "same": (shared := [1]),
        "shared": [shared, shared],
        "net": net,
        "opt": opt,
        "view": grown[2:5],
        "grown": grown,
        "array": np.arange(4.0),
        "objects": np.array([None, [1]], dtype=object),
        "generator": random.Random(1),
        "torch_generator": torch.Generator().manual_seed(1),
        "count": count,
        "partial": __import__("functools").partial(print, 1, end=""),
        "slice": slice(1, 2),
    }


CHANGES = {
    "number": ("number", lambda w: w.update(number=2)),
    "1 and True": ("number", lambda w: w.update(number=True)),
    "1 and 1.0": ("number", lambda w: w.update(number=1.0)),
    "-0.0": ("real", lambda w: w.update(real=-0.0)),
    "NaN": ("real", lambda w: w.update(real=float("nan"))),
    "text": ("text", lambda w: w.update(text="b")),
    "type": ("text", lambda w: w.update(text=["a"])),
    "gone": ("text", lambda w: w.pop("text")),
    "long text": ("long_text", lambda w: w.update(long_text="x" * 99_999 + "y")),
    "item": ("list[1][0]", lambda w: w["list"][1].__setitem__(0, 3.0)),
    "length": ("list", lambda w: w["list"].append(1)),
    "in a long list": ("long", lambda w: w["long"].__setitem__(50, -1)),
    "no long list": ("long", lambda w: w["long"].__setitem__(50, "x")),
    "dict's value": ("dict['a']", lambda w: w["dict"].update(a=2)),
    "dict's number": ("dict[2][0]", lambda w: w["dict"][2].__setitem__(0, 4)),
    "dict's key": ("dict.key", lambda w: w.update(dict={"b": 1, 2: [3], None: 4, (5, 6): 7})),
    "key in a tuple": (
        "dict.key[1]",
        lambda w: w.update(dict={"a": 1, 2: [3], None: 4, (5, 7): 7}),
    ),
    "order": ("ordered.key", lambda w: w["ordered"].move_to_end("a")),
    "class": ("ordered", lambda w: w.update(ordered=dict(w["ordered"]))),
    "factory": ("factory.factory", lambda w: setattr(w["factory"], "default_factory", dict)),
    "counter": ("counter['a']", lambda w: w["counter"].update("a")),
    "deque": ("deque[1]", lambda w: w["deque"].__setitem__(1, 3)),
    "maxlen": ("deque.maxlen", lambda w: w.update(deque=deque([1, 2], maxlen=4))),
    "set": ("set[1]", lambda w: (w["set"].discard(2), w["set"].add(3))),
    "frozen": ("frozen", lambda w: w.update(frozen=frozenset({1, 2}))),
    "bytes": ("bytes", lambda w: w["bytes"].__setitem__(0, 0)),
    "tuple": ("tuple[1][1][0]", lambda w: w["tuple"][1][1].__setitem__(0, 4)),
    "pair": ("pair[2]", lambda w: w.update(pair=Pair(2, [2]))),
    "attribute": ("thing.x", lambda w: setattr(w["thing"], "x", 2)),
    "attribute gone": ("thing.x", lambda w: delattr(w["thing"], "x")),
    "attribute new": ("thing.z", lambda w: setattr(w["thing"], "z", 2)),
    "slot": ("slots.left", lambda w: setattr(w["slots"], "left", 2)),
    "not shared": ("shared[1]", lambda w: w["shared"].__setitem__(1, [1])),
    "shared": ("list[1]", lambda w: w["list"].__setitem__(1, w["thing"].y)),
    "weight": ("net.0.weight", lambda w: nn.init.zeros_(w["net"][0].weight)),
    "gradient": ("net.0.weight.grad", lambda w: w["net"][0].weight.grad.zero_()),
    "no gradient": ("net.0.weight.grad", lambda w: setattr(w["net"][0].weight, "grad", None)),
    "frozen weight": ("net.0.weight.requires_grad", lambda w: w["net"].requires_grad_(False)),
    "buffer": ("net.1.running_mean", lambda w: w["net"][1].running_mean.add_(1)),
    "mode": ("net.training", lambda w: w["net"].eval()),
    "rate": ("opt.param_groups[0]['lr']", lambda w: w["opt"].param_groups[0].update(lr=9)),
    "average": ("opt.state", lambda w: next(iter(w["opt"].state.values()))["exp_avg"].add_(1)),
    "in a view": ("view", lambda w: w["view"].add_(1)),
    "shape": ("view.shape", lambda w: w.update(view=w["view"][:2])),
    "array": ("array", lambda w: w["array"].__setitem__(0, -0.0)),
    "dtype": ("array.dtype", lambda w: w.update(array=w["array"].astype("f4"))),
    "object in an array": ("objects[1]", lambda w: w["objects"][1].append(2)),
    "drawn": ("generator.state[1]", lambda w: w["generator"].random()),
    "drawn by torch": ("torch_generator", lambda w: torch.rand(1, generator=w["torch_generator"])),
    "closure": ("count.calls", lambda w: w["count"]()),
    "partial": ("partial.keywords['end']", lambda w: w["partial"].keywords.update(end="x")),
    "slice": ("slice[1]", lambda w: w.update(slice=slice(1, 3))),
}


def test_the_world_is_the_same_as_itself():
    comparison = compared(capture(world()), capture(world()))

    assert comparison.differences == ()
    assert comparison.checked > 500


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_named(name, change):
    before = capture(world())
    changed = world()
    change(changed)

    differences = compared(before, capture(changed)).differences

    assert differences != ()
    assert any(part.item.startswith(name) for part in differences), [d.item for d in differences]


def test_names_that_only_the_second_has_do_not_count():
    more = {**world(), "more": 1}

    assert compared(capture(world()), capture(more)).differences == ()
