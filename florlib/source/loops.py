"""Loops of a project's files: where they stand, what they are called, and which of them train."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from florlib.source.calls import CallGraph
from florlib.source.functions import Function, LoopNode, loop_nodes
from florlib.source.imports import dotted_name
from florlib.source.logs import is_flor_loop, is_log_call
from florlib.source.names import names_in
from florlib.source.spans import LineSpan
from florlib.source.training import Training

# What goes through one iterable and gives its items, and nothing that it has counted.
_SHOWING = frozenset({"iter", "tqdm", "track"})


@dataclass(frozen=True, slots=True)
class LoopSite:
    """One `for` or `while` statement. Hindsight statements within it do not show, lines aside."""

    ordinal: int  # index among all loops of the file in source order, hindsight left out
    kind: str  # "for" or "while"
    name: str
    line: int
    end_line: int
    function: str  # qualname of the function around it, "<module>" outside functions
    parent: int | None  # ordinal of the loop around it in the same function
    training: bool  # leads to a backward pass or an optimizer step
    logs: bool  # a call that logs or prints stands in it
    explicit: bool  # its iterable is wrapped by flor's loop in the source itself
    surrounded: bool  # what stands around that call goes through it by itself, as `enumerate` does
    has_else: bool
    stored: frozenset[str]  # names stored in target, test and body
    loaded: frozenset[str]


def find_loops(
    trees: Mapping[str, ast.Module],
    hindsight: Mapping[str, frozenset[LineSpan]] | None = None,
) -> dict[str, tuple[LoopSite, ...]]:
    """Describe all loops of all files, by project-relative path."""
    graph = CallGraph(trees, hindsight)
    training = Training(graph)
    spans = hindsight or {}
    found: dict[str, tuple[LoopSite, ...]] = {}
    for path, tree in trees.items():
        hidden = spans.get(path, frozenset())
        ordinals = {node: number for number, node in enumerate(loop_nodes(tree, hidden))}
        sites = [
            site
            for function in graph.modules[path].functions
            for site in _of_function(function, graph, training, ordinals, hidden)
        ]
        found[path] = tuple(sorted(sites, key=lambda site: site.ordinal))
    return found


def explicit_loop(iterable: ast.expr, aliases: Mapping[str, str]) -> ast.Call | None:
    """The call of flor's loop in an iterable, also inside enumerate, zip, tqdm and their like."""
    if not isinstance(iterable, ast.Call):
        return None
    if is_flor_loop(iterable, aliases):
        return iterable
    inner = (explicit_loop(argument, aliases) for argument in iterable.args)
    return next((call for call in inner if call), None)


def is_surrounded(node: LoopNode, aliases: Mapping[str, str]) -> bool:
    """Whether something stands around flor's loop in an iterable, and keeps its own count of items.

    >>> [is_surrounded(ast.parse(text).body[1], {"flor": "flor"}) for text in (
    ...     "import flor\\nfor x in flor.loop(xs): pass",
    ...     "import flor\\nfor n, x in enumerate(flor.loop(xs)): pass",
    ...     "import flor\\nfor x in tqdm(flor.loop(xs)): pass")]
    [False, True, False]
    """
    if isinstance(node, ast.While):
        return False
    around, call = node.iter, explicit_loop(node.iter, aliases)
    while call is not None and isinstance(around, ast.Call) and around is not call:
        name = dotted_name(around.func, aliases) or ""
        if (
            name.rpartition(".")[2] not in _SHOWING
            or explicit_loop(around.args[0], aliases) != call
        ):
            return True
        around = around.args[0]
    return False


def loop_name(node: LoopNode, aliases: Mapping[str, str]) -> str:
    """The name given to a loop, else its target, else `loop` or `while`."""
    if isinstance(node, ast.While):
        return "while"
    call = explicit_loop(node.iter, aliases)
    if call:
        given = [word.value for word in call.keywords if word.arg == "name"]
        for expression in [*given, *call.args[:1]]:
            if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
                return expression.value
    return node.target.id if isinstance(node.target, ast.Name) else "loop"


def _of_function(
    function: Function,
    graph: CallGraph,
    training: Training,
    ordinals: Mapping[LoopNode, int],
    hidden: Collection[LineSpan],
) -> list[LoopSite]:
    aliases = graph.modules[function.path].aliases
    trains: set[LoopNode] = set()
    logs: set[LoopNode] = set()
    for site in function.calls:
        if site.loops and training.leads_to_step(function, site):
            trains.update(site.loops)
        if site.iterates and training.drives(function, site):
            trains.update((*site.loops, site.iterates))
        if isinstance(site.node, ast.Call) and is_log_call(site.node, aliases):
            logs.update(site.loops)
    sites = []
    for node, around in function.loops:
        own = [node.target] if isinstance(node, ast.For) else [node.test]
        names = names_in(*own, *node.body, hidden=hidden)
        sites.append(
            LoopSite(
                ordinal=ordinals[node],
                kind="for" if isinstance(node, ast.For) else "while",
                name=loop_name(node, aliases),
                line=node.lineno,
                end_line=node.end_lineno or node.lineno,
                function=function.qualname,
                parent=ordinals[around[-1]] if around else None,
                training=node in trains,
                logs=node in logs,
                explicit=isinstance(node, ast.For) and bool(explicit_loop(node.iter, aliases)),
                surrounded=is_surrounded(node, aliases),
                has_else=bool(node.orelse),
                stored=names.stored,
                loaded=names.loaded,
            )
        )
    return sites
