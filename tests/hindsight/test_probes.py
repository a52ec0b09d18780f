"""What counts as a probe, and what as a change of the program."""

from __future__ import annotations

import ast
import textwrap

import pytest

from florlib.hindsight.probes import Comparison, compare
from florlib.source.functions import loop_nodes
from florlib.source.rewrite import rewrite

RECORDED = textwrap.dedent("""\
    import torch

    def f(x):
        h = x * 2
        return h

    class T:
        '''Trains.'''
        def fit(self):
            for e in r:
                self.one(e)

    for epoch in range(3):
        for x, y in loader:
            out = net(x)
            loss = criterion(out, y)
            loss.backward()
            opt.step()
        acc = evaluate(net)
        if acc > best:
            best = acc
        print(acc)
    """)


def edited(old: str, new: str) -> Comparison:
    assert RECORDED.count(old) == 1
    return compare("train.py", RECORDED, RECORDED.replace(old, new))


STEP = "        opt.step()\n"
ACC = "    print(acc)\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("h = x * 2", "h = x * 2  # twice"),
        ("h = x * 2", "\n    h = (x *\n         2)"),
        ("'''Trains.'''", "'''Trains, and more.'''"),
        ("    '''Trains.'''\n", ""),
        ("range(3):", "range(3):\n    pass"),
        ("    for x, y in loader:", "    for x, y in flor.loop(loader):"),
    ],
)
def test_same(old: str, new: str) -> None:
    assert edited(old, new).verdict == "same"


@pytest.mark.parametrize(
    ("old", "new", "line", "names", "pure"),
    [
        (ACC, ACC + "    flor.log('a', acc)\n", 23, ("a",), True),
        (ACC, ACC + "    print(loss)\n", 23, ("print",), True),
        (STEP, STEP + "        flor.log('l', loss.item())\n", 19, ("l",), True),
        ("    return h", "    flor.log('h', h.mean())\n    return h", 5, ("h",), True),
        (ACC, ACC + "    writer.add_scalar('a', acc, epoch)\n", 23, (), True),
        (STEP, STEP + "        flor.log('l', 1); flor.log('k', 2)\n", 19, ("l",), True),
        (ACC, ACC + "    flor.log('cm', confusion(net))\n", 23, ("cm",), False),
        (ACC, ACC + "    net.eval()\n", 23, (), False),
        (STEP, STEP + "        flor.log('r', torch.randn(3).mean())\n", 19, ("r",), False),
        (ACC, ACC + "    print([acc for acc in range(3)])\n", 23, ("print",), True),
        (STEP, STEP + "        with torch.no_grad():\n            print(out.mean())\n", 19, ("print",), True),
        (ACC, ACC + "    for p in net.parameters():\n        if p is None: continue\n", 23, (), True),
        (ACC, ACC + "    try:\n        raise ValueError\n    except ValueError: pass\n", 23, (), False),
        ("import torch\n", "import torch\nimport flor\n", 2, (), True),
        ("import torch\n", "from flor import MTK as Flor\nimport torch\n", 1, (), True),
        ("import torch\n", "import torch\nimport torch\n", 2, (), True),
        ("import torch\n", "import torch\nimport mine\n", 2, (), False),
        ("import torch\n", "import torch\ndef gn(n):\n    z = {}\n    z[0] = 1\n    return z\n", 2, (), True),
        ("import torch\n", "import torch\n@torch.no_grad()\ndef gn(n): flor.log('g', n)\n", 2, ("g",), True),
        ("        best = acc\n", "        best = acc\n    else:\n        print('no')\n", 23, ("print",), True),
        ("'''Trains.'''\n", "'''Trains.'''\n    def norm(self): return 1\n", 9, (), True),
        ("self.one(e)\n", "self.one(e)\n            flor.log('s', e)\n", 12, ("s",), True),
    ],
)  # fmt: skip
def test_probe(old: str, new: str, line: int, names: tuple[str, ...], pure: bool) -> None:
    comparison = edited(old, new)

    assert comparison.changes == ()
    assert comparison.verdict == "probe"
    probe = comparison.probes[0]
    assert (probe.line, probe.names, probe.pure) == (line, names, pure)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("range(3)", "range(5)", "recorded line 13 is gone"),
        (ACC, "", "recorded line 22 is gone"),
        ("        best = acc\n", "        best = 2\n", "recorded line 21"),
        (STEP, STEP + "        try: f(1)\n        except ValueError as e: raise\n", "may raise"),
        (STEP, STEP + "        loss = loss * 2\n", "stores to `loss`"),
        (STEP, STEP + "        for x in [1]: print(x)\n", "stores to `x`"),
        (STEP, STEP + "        with a as loss: pass\n", "stores to `loss`"),
        (STEP, STEP + "        print(loss := 3)\n", "stores to `loss`"),
        (STEP, STEP + "        loss += 1\n", "stores to `loss`"),
        (STEP, STEP + "        evaluate = None\n", "which the recorded code reads"),
        (STEP, STEP + "        range = None\n", "a builtin that the recorded code reads"),
        (STEP, STEP + "        net.scale = 2\n", "writes to `net.scale`"),
        (STEP, STEP + "        opt.param_groups[0]['lr'] = 2\n", "writes to"),
        (STEP, STEP + "        del loss\n", "deletes"),
        (STEP, STEP + "        if loss > 9: break\n", "`break` leaves a recorded loop"),
        (STEP, STEP + "        if loss > 9: continue\n", "`continue` leaves"),
        (STEP, STEP + "        assert loss < 9\n", "may raise"),
        (STEP, STEP + "        if loss > 9: raise ValueError\n", "may raise"),
        (STEP, STEP + "        import sys; sys.exit()\n", "ends the program"),
        (STEP, "        if loss < 9:\n            opt.step()\n", "recorded line 18"),
        (STEP, STEP + "    else:\n        print(1)\n", "an `else`"),
        ("    return h", "    return print(h) or h", "recorded line 5"),
        ("    return h", "    if h: return 2\n    return h", "returns"),
        ("    return h", "    yield h\n    return h", "yields"),
        ("    return h", "    global q\n    q = 1\n    return h", "declares"),
        ("def f(x)", "def f(x, y=1)", "recorded line 3"),
        ("def f(x)", "@torch.no_grad()\ndef f(x)", "recorded line 3"),
        ("import torch\n", "import torch\nfrom tools import *\n", "`*`"),
        ("import torch\n", "import torch\ndef evaluate(n): return 1\n", "stores to `evaluate`"),
        ("import torch\n", "import torch\ndef g(n): n.scale = 1\n", "writes to `n.scale`"),
        ("'''Trains.'''\n", "'''Trains.'''\n    def one(self, e): pass\n", "may replace `one`"),
        ("'''Trains.'''\n", "'''Trains.'''\n    def __len__(self): return 1\n", "may replace"),
        ("'''Trains.'''\n", "'''Trains.'''\n    size = 1\n", "adds an attribute"),
        ("opt.step()", "opt.step(); net.eval()", "line of its own"),
    ],
)
def test_changed(old: str, new: str, reason: str) -> None:
    comparison = edited(old, new)

    assert comparison.verdict == "changed"
    assert reason in " / ".join(comparison.changes)


def test_names_of_probes_may_feed_one_another() -> None:
    added = "    gn = {}\n    gn['a'] = 1\n    for q in [1]:\n        gn[q] = 2\n    flor.log('g', gn)\n"

    comparison = edited(ACC, ACC + added)

    assert comparison.verdict == "probe"
    assert comparison.introduced == {("<module>", "gn"), ("<module>", "q")}
    assert comparison.spans == {(23, 23), (24, 24), (25, 26), (27, 27)}


def test_a_local_of_a_function_is_free_elsewhere() -> None:
    assert edited(ACC, ACC + "    h = 1\n").verdict == "probe"
    assert edited("    return h", "    epoch = 1\n    return h").verdict == "probe"


@pytest.mark.parametrize(
    ("old", "new", "span", "names"),
    [
        ("criterion(out, y)", "flor.log('loss', criterion(out, y))", (16, 16), ("loss",)),
        ("criterion(out, y)", "criterion(flor.log('out', out), y)", (16, 16), ("out",)),
        ("    if acc > best:", "    if flor.log('acc', acc) > best:", (20, 20), ("acc",)),
        ("return h", "return flor.log('h', value=h)", (5, 5), ("h",)),
        ("range(3)", "flor.log('r', range(flor.log('n', 3)))", (13, 13), ("r", "n")),
        ("opt.step()", "opt.step(); print(loss)", (18, 18), ("print",)),
    ],
)
def test_transparent(old: str, new: str, span: tuple[int, int], names: tuple[str, ...]) -> None:
    comparison = edited(old, new)

    assert comparison.verdict == "probe"
    assert comparison.transparent == {span}
    assert comparison.passing == set(names)
    assert comparison.spans == frozenset()
    assert comparison.probes[0].names == names


@pytest.mark.parametrize(
    "new", ["flor.log(pick(), criterion(out, y))", "track('loss', criterion(out, y))"]
)
def test_not_transparent(new: str) -> None:
    assert edited("criterion(out, y)", new).verdict == "changed"


def test_where_probes_stand() -> None:
    comparison = edited("self.one(e)\n", "print(e)\n            self.one(e)\n")

    (probe,) = comparison.probes
    assert (probe.function, probe.loops, probe.anchor) == ("T.fit", (0,), 10)
    assert probe.text == "print(e)"


def test_loops_are_numbered_as_recorded() -> None:
    present = RECORDED.replace("import torch\n", "import torch\nfor k in [1]:\n    print(k)\n")
    present = present.replace(STEP, STEP + "        print(loss)\n").replace(
        ACC, ACC + "    print(2)\n"
    )

    comparison = compare("train.py", RECORDED, present)

    assert [probe.loops for probe in comparison.probes] == [(), (1, 2), (1,)]
    assert [probe.anchor for probe in comparison.probes] == [1, 18, 22]


def test_asking_for_a_loop_is_no_change() -> None:
    recorded = "from flor import MTK as Flor\nfor x in Flor.loop(r):\n    print(x)\n"

    comparison = compare("a.py", recorded, recorded.replace("(r)", "(r, probed=True)"))

    assert comparison.verdict == "same"


def test_a_renamed_loop_is_a_change() -> None:
    present = "import flor\nfor e in flor.loop('epoch', r):\n    print(e)\n"

    assert compare("a.py", "for e in r:\n    print(e)\n", present).verdict == "changed"


def test_a_syntax_error_is_pythons_own() -> None:
    with pytest.raises(SyntaxError, match="invalid syntax"):
        compare("a.py", "x = 1", "x = = 1")


def test_twins_are_kept_apart() -> None:
    recorded = "for x in r:\n    a(x)\nfor x in r:\n    b(x)\n"
    present = "for x in r:\n    a(x)\nfor x in r:\n    print(x)\n    b(x)\n"

    (probe,) = compare("a.py", recorded, present).probes

    assert (probe.line, probe.loops, probe.anchor) == (4, (1,), 3)


def test_rewritten_probes_keep_the_recorded_ordinals() -> None:
    present = RECORDED.replace("import torch\n", "import torch\nfor k in [1]:\n    print(k)\n")
    spans = compare("train.py", RECORDED, present).spans
    tree = ast.parse(present)

    new = rewrite(tree, path="train.py", wrap={1}, hindsight=spans)

    assert len(loop_nodes(tree, spans)) == len(loop_nodes(ast.parse(RECORDED)))
    assert "for epoch in __flor__.loop(range(3), 'train.py', 1)" in ast.unparse(new)
    assert "with __flor__.probe(True, 'train.py', 2):" in ast.unparse(new)
