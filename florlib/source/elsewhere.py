"""Functions that run in other processes than the script's own: children that it starts, and loaders."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from florlib.source.calls import CallGraph
from florlib.source.functions import Function, Site
from florlib.source.imports import dotted_name
from florlib.source.logs import last_word
from florlib.source.training import Training

_STARTERS = frozenset({"Process", "spawn", "start_processes"})
_POOL_VERBS = frozenset(
    "apply apply_async imap imap_unordered map map_async starmap starmap_async submit".split()
)
_LOADED = frozenset({"__getitem__", "__getitems__", "__iter__"})
_LOADER_HOOKS = frozenset({"collate_fn", "worker_init_fn"})


@dataclass(slots=True)
class Elsewhere:
    """What runs in other processes.

    Attributes:
        started: functions of processes that the script starts.
        loaded: functions of a DataLoader's workers, and of the script itself with none.
        training: (path, line, name) where a function that trains is handed to another process.
    """

    started: set[tuple[str, str]] = field(default_factory=set)  # (path, qualname)
    loaded: set[tuple[str, str]] = field(default_factory=set)
    training: list[tuple[str, int, str]] = field(default_factory=list)


def elsewhere(trees: Mapping[str, ast.Module]) -> Elsewhere:
    """Find what a project runs in other processes, by its text."""
    graph = CallGraph(trees)
    training = Training(graph)
    found = Elsewhere()
    started: list[Function] = []
    for caller in graph.functions:
        for site in caller.calls:
            for handed in _handed_out(graph, caller, site):
                started.append(handed)
                if training.trains(handed):
                    found.training.append((caller.path, site.node.lineno, handed.name))
    found.started = _closure(graph, started)
    found.loaded = _closure(graph, _of_loaders(graph))
    return found


def _handed_out(graph: CallGraph, caller: Function, site: Site) -> Iterator[Function]:
    """The functions that a call gives to processes which it starts or has."""
    call = site.node
    if not isinstance(call, ast.Call) or not _starts(call, graph, caller):
        return
    arguments = [*call.args, *(word.value for word in call.keywords)]
    inside = {node for part in arguments for node in ast.walk(part)}
    for read in caller.reads:
        if read.node in inside:
            yield from graph.targets(caller, read)


def _starts(call: ast.Call, graph: CallGraph, caller: Function) -> bool:
    module = graph.modules[caller.path]
    name = dotted_name(call.func, module.aliases) or last_word(call.func)
    verb = name.rpartition(".")[2]
    if verb in _STARTERS:
        return True
    if verb not in _POOL_VERBS or not isinstance(call.func, ast.Attribute):
        return False
    receiver = last_word(call.func.value).lower()
    return "pool" in receiver or ("exec" in receiver and _has_process_pools(module.aliases))


def _has_process_pools(aliases: Mapping[str, str]) -> bool:
    return any(name.endswith("ProcessPoolExecutor") for name in aliases.values())


def _of_loaders(graph: CallGraph) -> Iterator[Function]:
    """What workers of a DataLoader run, where any loader of the project may have some."""
    loaders = [
        (caller, site.node)
        for caller in graph.functions
        for site in caller.calls
        if isinstance(site.node, ast.Call) and _has_workers(site.node)
    ]
    if loaders:
        yield from (one for one in graph.functions if one.owner and one.name in _LOADED)
    for caller, call in loaders:
        hooks = {word.value for word in call.keywords if word.arg in _LOADER_HOOKS}
        for read in caller.reads:
            if read.node in hooks:
                yield from graph.targets(caller, read)


def _has_workers(call: ast.Call) -> bool:
    if not last_word(call.func).endswith("Loader"):
        return False
    given = [word.value for word in call.keywords if word.arg in ("num_workers", None)]
    return any(not (isinstance(one, ast.Constant) and one.value == 0) for one in given)


def _closure(graph: CallGraph, functions: Iterable[Function]) -> set[tuple[str, str]]:
    pending, found = list(functions), set[Function]()
    while pending:
        function = pending.pop()
        if function not in found:
            found.add(function)
            pending += [target for _, target in graph.callees(function)]
            pending += function.inner.values()
    return {(one.path, one.qualname) for one in found}
