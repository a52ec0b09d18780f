"""Rewritten modules behave as the originals do, and show the same lines."""

from __future__ import annotations

import ast
import textwrap
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from florlib.source.functions import loop_nodes
from florlib.source.rewrite import rewrite


class Passing:
    """A runtime that hands everything on, and notes what it was asked for."""

    def __init__(self) -> None:
        self.turn: int = -1
        self.seen: list[tuple[object, ...]] = []
        self._open: set[int] = set()

    def loop(self, iterable: Any, path: str, ordinal: int) -> Iterator[Any]:
        self.seen.append(("loop", ordinal))
        yield from iterable

    def loop_over(
        self, path: str, ordinal: int, call: Callable[..., Any], /, *args: Any, **words: Any
    ) -> Iterator[Any]:
        self.seen.append(("loop_over", ordinal, call.__name__))
        yield from call(*args, **words)

    def turns(self, path: str, ordinal: int) -> Iterator[int]:
        self.seen.append(("turns", ordinal))
        self._open.add(ordinal)
        number = 0
        while ordinal in self._open:
            yield number
            number += 1

    def finish(self, path: str, ordinal: int) -> None:
        self._open.remove(ordinal)

    def probe(self, pure: bool, path: str, line: int) -> Passing:
        self.seen.append(("probe", pure, line))
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *exception: object) -> None: ...


def run(source: str, **options: Any) -> tuple[list[object], Passing]:
    """What the source puts into `out` as written, and rewritten; both must agree."""
    tree = ast.parse(textwrap.dedent(source))
    before = ast.dump(tree, include_attributes=True)
    options.setdefault("wrap", range(len(loop_nodes(tree))))
    new = rewrite(tree, path="train.py", **options)
    assert ast.dump(tree, include_attributes=True) == before
    runtime = Passing()
    names: dict[str, Any] = {"out": [], "__name__": "script"}
    plain: dict[str, Any] = {"out": [], "__name__": "script"}
    exec(compile(tree, "train.py", "exec"), plain)
    exec(compile(new, "train.py", "exec"), {**names, "__flor__": runtime})
    assert names["out"] == plain["out"]
    return names["out"], runtime


@pytest.mark.parametrize(
    "source",
    [
        "for i in range(3): out.append(i)\nelse: out.append('else')",
        "for i in range(3):\n    if i == 1: break\nelse:\n    out.append('else')\nout.append(i)",
        "for i in range(4):\n    if i % 2: continue\n    out.append(i)",
        "n = 0\nwhile n < 3:\n    n += 1\n    out.append(n)\nelse:\n    out.append('else')",
        "n = 0\nwhile n < 9:\n    n += 1\n    if n == 4: break\nelse:\n    out.append('else')\nout.append(n)",
        "n = 0\nwhile n < 5:\n    n += 1\n    if n % 2: continue\n    out.append(n)",
        "n = 0\nwhile True:\n    n += 1\n    if n > 3: break\nout.append(n)",
        "while 1:\n    out.append(1)\n    break\nelse:\n    out.append('else')",
        "while 0:\n    out.append(1)\nelse:\n    out.append('else')",
        "it = iter([1, 2, 0, 4])\nwhile (x := next(it)):\n    out.append(x)\nout.append(x)",
        "n = 3\nwhile n: n -= 1; out.append(n)",
        "n = 0\nwhile n < 3:\n    m = 0\n    while m < n:\n        m += 1\n        out.append((n, m))\n    n += 1",
        "for a, *b in [(1, 2, 3)]:\n    out.append((a, b))",
        "for i, x in enumerate('ab', start=1):\n    out.append((i, x))",
        "for pair in zip(*[[1, 2], [3, 4]]):\n    out.append(pair)",
        "for x in reversed([y for y in range(3)]):\n    out.append(x)",
        "for x in enumerate(z := [1, 2]):\n    out.append((x, z))",
        "o = {}\nfor o['k'] in range(2):\n    out.append(o['k'])",
        "class K:\n    total = 0\n    for i in range(3):\n        total += i\nout.append((K.total, K.i))",
        "def f(n):\n    for i in range(n):\n        if i == 2: return i\n    return None\nout.append((f(1), f(5)))",
        "def g():\n    n = 0\n    while n < 3:\n        got = yield n\n        n += got or 1\nout.extend(g())",
        "def f():\n    x = 0\n    def h():\n        nonlocal x\n        for i in range(3):\n            x += i\n    h()\n    return x\nout.append(f())",
        "def f():\n    global q\n    for q in range(3): pass\nf()\nout.append(q)",
        "'''doc'''\nfrom __future__ import annotations\nfor i in range(2): out.append(__doc__)",
        "try:\n    for i in range(3):\n        raise ValueError(i)\nexcept ValueError as e:\n    out.append(e.args)",
        "for i in range(2):\n    try:\n        continue\n    finally:\n        out.append(i)",
        "match [1, 2]:\n    case [a, b]:\n        for i in range(a, b): out.append(i)",
        "def f():\n    for i in range(2):\n        k = i\n    return sorted(locals())\nout.append(f())",
        "def f():\n    n = 0\n    while n < 2:\n        n += 1\n    return sorted(locals())\nout.append(f())",
    ],
)
def test_same_behaviour(source: str) -> None:
    out, runtime = run(source)

    assert runtime.seen
    assert out


def test_only_asked_loops_are_wrapped() -> None:
    source = (
        "for a in [1]:\n    for b in [2]:\n        for c in [3]:\n            out.append((a, b, c))"
    )

    _, runtime = run(source, wrap={0, 2})

    assert runtime.seen == [("loop", 0), ("loop", 2)]


def test_call_is_left_to_the_runtime() -> None:
    _, runtime = run("for i, x in enumerate([7]):\n    out.append(x)")

    assert runtime.seen == [("loop_over", 0, "enumerate")]


@pytest.mark.parametrize(
    "header",
    [
        "import flor\nfor e in flor.loop('epoch', xs): pass",
        "from flor import MTK as Flor\nfor e in Flor.loop(xs): pass",
        "from flor import loop\nfor e in enumerate(loop(xs)): pass",
        "import flor\nfor e in tqdm(zip(flor.loop(xs), ys), total=3): pass",
    ],
)
def test_explicit_loops_are_left_alone(header: str) -> None:
    tree = ast.parse(header)

    new = rewrite(tree, path="train.py", wrap={0})

    assert ast.dump(new) == ast.dump(tree)


def test_neighbouring_hindsight_statements_share_a_guard() -> None:
    source = """\
    net = [3]
    for i in range(2):
        print(i)
        net.sort()
        if i:
            for j in range(2):
                out.append(j)
    import math
    out.append(0)
    """

    _, runtime = run(source, hindsight=frozenset({(3, 3), (4, 4), (5, 7), (8, 8)}), wrap={0})

    probes = [seen for seen in runtime.seen if seen[0] == "probe"]
    assert probes == [("probe", False, 3)] * 2
    assert ("loop", 0) in runtime.seen
    assert len(runtime.seen) == 3


def test_a_loop_in_hindsight_takes_no_ordinal() -> None:
    source = "for h in [1]:\n    out.append(h)\nfor x in [2]:\n    out.append(x)"

    _, runtime = run(source, hindsight=frozenset({(1, 2)}), wrap={0})

    assert runtime.seen == [("probe", False, 1), ("loop", 0)]


def lines_of(code: Any) -> list[int]:
    frames = traceback.extract_tb(code.__traceback__)
    return [frame.lineno or 0 for frame in frames if frame.filename == "train.py"]


@pytest.mark.parametrize(
    "source",
    [
        "n = 2\n\nwhile (\n    1 /\n    n\n):\n    n -= 1",
        "for i in range(\n    2):\n    x = 1\n    1 / 0",
        "for i in zip(\n    [1],\n    [1 / 0]): pass",
        "def f():\n    while True:\n        g()\ndef g():\n    for i in [1]:\n\n        int('x')\nf()",
    ],
)
def test_tracebacks_show_the_same_lines(source: str) -> None:
    tree = ast.parse(source)
    new = rewrite(tree, path="train.py", wrap={0, 1})
    raised = []
    for version, names in ((tree, {}), (new, {"__flor__": Passing()})):
        with pytest.raises((ArithmeticError, ValueError)) as caught:
            exec(compile(version, "train.py", "exec"), names)
        raised.append(lines_of(caught.value))

    assert raised[0] == raised[1]


def test_no_node_of_the_users_moves() -> None:
    source = "while a(b):\n    c = [d for d in e]\nfor f in g(h): i()\n"
    tree = ast.parse(source)

    new = rewrite(tree, path="train.py", wrap={0, 1})

    def places(node: ast.AST) -> set[tuple[str, int, int]]:
        names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
        return {(name.id, name.lineno, name.col_offset) for name in names if name.id != "__flor__"}

    assert places(new) == places(tree)


def test_a_recorded_statement_that_does_nothing_separates_no_guards() -> None:
    source = """\
    net = [3]
    net.sort()
    pass
    "a note"
    net.reverse()
    pass
    out.append(net[0])
    """

    _, runtime = run(source, hindsight=frozenset({(2, 2), (5, 5)}), wrap=set())

    assert runtime.seen == [("probe", False, 2)]
