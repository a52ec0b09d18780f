"""Probes that remember: what they store in one iteration and read in a later one.

No checkpoint holds the names that probes alone store. Where their values go on from iteration to
iteration, as those of a counter do, an answer needs every iteration from the first one on. Errs
towards that.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from florlib.hindsight.probes import Comparison, Probe
from florlib.source.functions import MODULE, loop_nodes, read_module
from florlib.source.liveness import live_names
from florlib.source.logs import last_word
from florlib.source.names import names_in

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Objects that report and do not tell: whatever was done to them, later values are the same.
_REPORTERS = ("SummaryWriter",)


def carried_names(comparison: Comparison, mains: Collection[int]) -> frozenset[str]:
    """The names whose values a probe hands from one iteration to a later one, or behind the loop.

    Args:
        comparison: of one file.
        mains: recorded ordinals of the main loops in it.

    >>> from florlib.hindsight.probes import compare
    >>> recorded = "for i in x:\\n    train(i)\\n"
    >>> present = "n = 0\\nfor i in x:\\n    train(i)\\n    n += 1\\n    m = n\\n    print(m)\\n"
    >>> sorted(carried_names(compare("a.py", recorded, present), [0]))
    ['n']
    """
    if not comparison.introduced:
        return frozenset()
    return _Carrying(comparison, mains).names()


class _Carrying:
    def __init__(self, comparison: Comparison, mains: Collection[int]) -> None:
        self._tree = ast.parse(comparison.text)
        self._comparison = comparison
        self._mains = frozenset(mains)
        self._scopes = {self._scope_of(ordinal) for ordinal in mains}
        self._parsed = [(probe, _parsed(probe)) for probe in comparison.probes]
        self._names = frozenset(name for _, name in comparison.introduced) - self._steady()

    def names(self) -> frozenset[str]:
        within, beyond = set[str](), set[str]()
        for probe, tree in self._parsed:
            if self._mains & set(probe.loops):
                within |= names_in(*tree.body).stored | self._changed(probe, tree)
            elif _defines(tree) or not self._lasts(probe):
                beyond |= self._changed(probe, tree) - self._local(probe)
        return frozenset(((within & self._live()) | beyond) & self._names)

    def _changed(self, probe: Probe, tree: ast.Module) -> frozenset[str]:
        """Names of objects that a probe may change."""
        if probe.pure and not _defines(tree):
            return frozenset()
        return names_in(*tree.body).loaded

    def _local(self, probe: Probe) -> frozenset[str]:
        """Names of the function that a probe stands in, where they end with each call of it."""
        if self._lasts(probe):
            return frozenset()
        trees = [tree for other, tree in self._parsed if other.function == probe.function]
        return frozenset().union(*(names_in(*tree.body).stored for tree in trees))

    def _lasts(self, probe: Probe) -> bool:
        """Whether what a probe stores outlives the loop: beside it, or in the module."""
        return probe.function in {MODULE, *self._scopes}

    def _live(self) -> frozenset[str]:
        """Names that may be read in a later iteration of a main loop, or behind it."""
        live: set[str] = set()
        for ordinal in self._mains:
            for after in (False, True):
                found = live_names(self._tree, ordinal, self._comparison.spans, after=after)
                live |= self._names if found is None else found
        return frozenset(live)

    def _scope_of(self, ordinal: int) -> str:
        """The qualname of the function that holds a recorded loop."""
        spans = self._comparison.spans
        loop = loop_nodes(self._tree, spans)[ordinal]
        for function in read_module("", self._tree, spans).functions:
            if any(node is loop for node, _ in function.loops):
                return function.qualname
        return MODULE

    def _steady(self) -> frozenset[str]:
        """Names that always stand for the same: functions, modules, numbers, reporters."""
        bindings = list(self._bindings())
        changing = {name for name, steady in bindings if not steady}
        return frozenset(name for name, _ in bindings) - changing

    def _bindings(self) -> Iterator[tuple[str, bool]]:
        """(name, whether it is bound once and for all) of each store of a probe."""
        for probe, tree in self._parsed:
            for statement in tree.body:
                steady = isinstance(statement, (*_DEFINITIONS, ast.Import, ast.ImportFrom))
                if isinstance(statement, ast.Assign) and not probe.loops:
                    steady = _is_steady(statement.value)
                for name in names_in(statement).stored:
                    yield name, steady


def _is_steady(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return last_word(value.func).endswith(_REPORTERS)
    return isinstance(value, ast.Constant)


def _defines(tree: ast.Module) -> bool:
    return any(isinstance(statement, _DEFINITIONS) for statement in tree.body)


def _parsed(probe: Probe) -> ast.Module:
    """A probe by itself; of a compound statement's header, the expressions in it count for all."""
    for text in (probe.text, f"{probe.text} pass", f"if 1:\n    pass\n{probe.text} pass"):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return ast.Module([], [])
