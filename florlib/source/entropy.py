"""Randomness that no seed governs, and addresses: what a program draws from them never comes again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from florlib.source.calls import CallGraph
from florlib.source.functions import Function, Site
from florlib.source.imports import dotted_name
from florlib.source.loops import LoopSite

_ALWAYS = frozenset(
    """os.urandom os.getrandom random.SystemRandom secrets.SystemRandom torch.seed
    torch.random.seed torch.cuda.seed torch.cuda.seed_all""".split()
)
_WITHOUT_SEED = frozenset(
    """random.seed random.Random numpy.random.seed numpy.random.default_rng
    numpy.random.RandomState numpy.random.SeedSequence""".split()
)


def entropy(
    trees: Mapping[str, ast.Module], loops: Mapping[str, tuple[LoopSite, ...]]
) -> Iterator[tuple[str, int, str]]:
    """(path, line, what is called) wherever training loops, or what they call, draw from it.

    Generators of the system are told wherever they are made, as what they give is unseeded always.
    """
    graph = CallGraph(trees)
    within = _within_training(graph, loops)
    for function in graph.functions:
        aliases = graph.modules[function.path].aliases
        training = _training_lines(loops.get(function.path, ()))
        for site in function.calls:
            name = _unseeded(site, aliases)
            inside = function in within or any(site.node.lineno in lines for lines in training)
            if name and (inside or name.endswith("SystemRandom")):
                yield function.path, site.node.lineno, name
        for statement, _ in function.statements:
            if function in within or any(statement.lineno in lines for lines in training):
                yield from ((function.path, line, "id()") for line in _addresses(statement))


def _training_lines(sites: tuple[LoopSite, ...]) -> list[range]:
    return [range(site.line, site.end_line + 1) for site in sites if site.training]


def _within_training(graph: CallGraph, loops: Mapping[str, tuple[LoopSite, ...]]) -> set[Function]:
    pending = []
    for function in graph.functions:
        training = _training_lines(loops.get(function.path, ()))
        for site, target in graph.callees(function):
            if any(site.node.lineno in lines for lines in training):
                pending.append(target)
    found: set[Function] = set()
    while pending:
        function = pending.pop()
        if function not in found:
            found.add(function)
            pending += [target for _, target in graph.callees(function)]
    return found


def _unseeded(site: Site, aliases: Mapping[str, str]) -> str | None:
    call = site.node
    if not isinstance(call, ast.Call):
        return None
    name = dotted_name(call.func, aliases) or ""
    if name in _ALWAYS or name.startswith("secrets."):
        return name
    if name in _WITHOUT_SEED and not call.args and not call.keywords:
        return name
    return None


def _addresses(statement: ast.stmt) -> Iterator[int]:
    """Lines where a statement computes with addresses, and does not only look one up."""
    if hasattr(statement, "body"):
        return
    for node in ast.walk(statement):
        parts = (node.left, node.right) if isinstance(node, ast.BinOp) else ()
        for part in parts:
            called = part.func if isinstance(part, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "id":
                yield part.lineno
        if isinstance(node, ast.keyword) and node.arg == "key" and isinstance(node.value, ast.Name):
            if node.value.id == "id":
                yield node.value.lineno
