"""Loops that train through a function that was handed to them are found."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from florlib.source.loops import find_loops

STEP = """\
def step(net, x):
    net(x).backward()
"""
FOUND = {
    "partial": "import functools\nst = functools.partial(step, net)\nfor x in data:\n    st(x)",
    "wrapper": "import torch\nfast = torch.compile(step)\nfor x in data:\n    fast(net, x)",
    "another name": "st = step\nfor x in data:\n    st(net, x)",
    "one of two": "st = step if fast else None\nfor x in data:\n    st(net, x)",
    "parameter": "def fit(call):\n    for x in data:\n        call(net, x)\nfit(step)",
    "parameter by its name": (
        "def fit(n, *, call=None):\n    for x in data:\n        call(net, x)\nfit(3, call=step)"
    ),
    "parameter of a parameter": (
        "def fit(call):\n    for x in data:\n        call(net, x)\n"
        "def run(given):\n    fit(given)\nrun(step)"
    ),
    "made in place": (
        "import functools\ndef fit(call):\n    for x in data:\n        call(x)\n"
        "fit(functools.partial(step, net))"
    ),
    "factory": (
        "def make(net):\n    def inner(x):\n        net(x).backward()\n    return inner\n"
        "st = make(net)\nfor x in data:\n    st(x)"
    ),
    "factory of several": (
        "def make(net):\n    def inner(x):\n        net(x).backward()\n    return inner, 3\n"
        "st, n = make(net)\nfor x in data:\n    st(x)"
    ),
    "one after another": "for x in data:\n    for st in (print, step):\n        st(net, x)",
    "attribute": (
        "class Trainer:\n    def __init__(self, call):\n        self.call = call\n"
        "    def fit(self):\n        for x in data:\n            self.call(net, x)\n"
        "Trainer(step).fit()"
    ),
    "method": (
        "class Trainer:\n    def once(self, x):\n        step(net, x)\n    def fit(self):\n"
        "        st = self.once\n        for x in data:\n            st(x)"
    ),
}
NOT_FOUND = {
    "another function": "def show(x):\n    print(x)\nst = show\nfor x in data:\n    st(x)",
    "a class": (
        "class Net:\n    def __init__(self):\n        step(self, 0)\nkind = Net\nfor x in data:\n    x(kind)"
    ),
    "what is only handed on": "def keep(call):\n    for x in data:\n        x.append(call)\nkeep(step)",
    "a local name that hides it": (
        "st = step\ndef fit(st):\n    for x in data:\n        st(x)\nfit(print)"
    ),
}


def is_found(text: str) -> bool:
    tree = ast.parse(STEP + dedent(text))
    return any(site.training for site in find_loops({"train.py": tree})["train.py"])


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_a_loop_that_calls_it_trains(text: str) -> None:
    assert is_found(text)


@pytest.mark.parametrize("text", NOT_FOUND.values(), ids=NOT_FOUND)
def test_other_loops_do_not(text: str) -> None:
    assert not is_found(text)
