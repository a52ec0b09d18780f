"""What a set of probes looks into: which parts of a run have to be executed to answer them.

A may-analysis over the call graph by name, and what was seen to be called in the recorded run: it
errs towards executing more.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from florlib.ground.recorded import Loops
from florlib.hindsight.probes import Probe
from florlib.source.calls import CallGraph
from florlib.source.functions import MODULE, Function, LoopNode, Site, loop_nodes
from florlib.source.imports import dotted_name, project_imports
from florlib.source.lookups import looks_up
from florlib.source.loops import LoopSite

# Decorators that call the function where it is called, and at no other time.
_TRANSPARENT_DECORATORS = frozenset(
    """torch.no_grad torch.inference_mode torch.enable_grad torch.compile staticmethod classmethod
    functools.cache functools.lru_cache functools.wraps typing.override""".split()
)
_SELF_ITERATING = frozenset({"enumerate", "zip", "tqdm", "trange", "reversed"})

Called = tuple[Loops, Collection[tuple[str, str]]]
"""Loops, and (path, qualname) of functions that were called in the innermost of them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Parts of a run that a set of probes may stand in."""

    prelude: bool = False  # before the main loop, or between two of them
    epilogue: bool = False  # after it
    body: bool = False  # within its iterations
    step: frozenset[tuple[str, int]] = frozenset()  # training loops that must not be skipped
    everything: bool = False  # some probe may be reached from anywhere
    mains: frozenset[tuple[str, int]] = frozenset()  # main loops with a probe in their iterations


@dataclass(slots=True)
class _Found:
    prelude: bool = False
    epilogue: bool = False
    body: bool = False
    everything: bool = False
    step: set[tuple[str, int]] = field(default_factory=set)
    mains: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """Some recorded code: lines of a function, and the loops around them."""

    function: Function
    first: int
    last: int
    loops: tuple[LoopNode, ...]


def reach(
    trees: Mapping[str, ast.Module],
    loops: Mapping[str, tuple[LoopSite, ...]],
    main: Collection[tuple[str, int]],
    probes: Sequence[Probe],
    calls: Iterable[Called] = (),
) -> Reach:
    """Decide what the probes look into.

    Args:
        trees: the recorded files.
        loops: their loops, as find_loops describes them.
        main: (path, ordinal) of the loops that were main loops in the recorded run.
        probes: what was added. Imports and definitions reach nothing: their uses do.
        calls: what was seen to be called in the recorded run. It only adds to what the text says.
    """
    return _Reacher(trees, loops, main, calls).of(probes)


class _Reacher:
    def __init__(
        self,
        trees: Mapping[str, ast.Module],
        loops: Mapping[str, tuple[LoopSite, ...]],
        main: Collection[tuple[str, int]],
        calls: Iterable[Called],
    ) -> None:
        self._graph = CallGraph(trees)
        self._trees = trees
        self._own = {path.partition("/")[0].removesuffix(".py") for path in trees}
        self._nodes = {path: loop_nodes(tree) for path, tree in trees.items()}
        self._main = {self._nodes[path][ordinal]: (path, ordinal) for path, ordinal in main}
        self._training = {
            self._nodes[path][site.ordinal]: (path, site.ordinal)
            for path, sites in loops.items()
            for site in sites
            if site.training and (path, site.ordinal) not in set(main)
        }
        self._calls: dict[Function, list[tuple[Function, Site]]] = {}
        self._values: dict[Function, list[tuple[Function, Site]]] = {}
        self._called: dict[tuple[str, str], list[Loops]] = {}
        for around, functions in calls:
            for function in functions:
                self._called.setdefault(function, []).append(around)
        self._index()
        self._spine = self._trace_spine()
        self._repeated = self._trace_repeated()
        for places in self._spine.values():
            for node in (node for place in places for node in place.loops):
                self._training.pop(node, None)  # leads to a main loop: never skipped
        self._found = _Found()
        self._visited: set[Function] = set()

    def of(self, probes: Sequence[Probe]) -> Reach:
        for probe in probes:
            if not _defines(probe):
                self._visit_probe(probe)
        found = self._found
        if found.everything:
            every = frozenset(self._main.values())
            return Reach(True, True, True, frozenset(self._training.values()), True, every)
        return Reach(
            found.prelude,
            found.epilogue,
            found.body,
            frozenset(found.step),
            mains=frozenset(found.mains),
        )

    def _index(self) -> None:
        for caller in self._graph.functions:
            for sites, table in ((caller.calls, self._calls), (caller.reads, self._values)):
                for site in sites:
                    for target in self._graph.targets(caller, site):
                        table.setdefault(target, []).append((caller, site))

    def _trace_spine(self) -> dict[Function, list[_Place]]:
        """Functions that may lead to a main loop, with the places in them that do."""
        spine: dict[Function, list[_Place]] = {}
        pending = []
        for function in self._graph.functions:
            for node, around in function.loops:
                if node in self._main:
                    last = node.body[-1].end_lineno or node.lineno  # its `else` comes after it
                    place = _Place(function, node.lineno, last, around)
                    spine.setdefault(function, []).append(place)
                    pending.append(function)
        done: set[Function] = set()
        while pending:
            function = pending.pop()
            if function in done:
                continue
            done.add(function)
            for caller, site in [*self._calls.get(function, ()), *self._values.get(function, ())]:
                if not self._main.keys() & set(site.loops):
                    spine.setdefault(caller, []).append(_place(caller, site))
                    pending.append(caller)
        return spine

    def _trace_repeated(self) -> set[Function]:
        """Functions of the spine that may run more than once, with a main loop each time."""
        pending = [
            target
            for target in self._spine
            for caller, site in self._calls.get(target, ())
            if caller in self._spine and (site.loops or len(self._calls[target]) > 1)
        ]
        found: set[Function] = set()
        while pending:
            function = pending.pop()
            if function not in found:
                found.add(function)
                for site, target in self._graph.callees(function):
                    if target in self._spine and not self._main.keys() & set(site.loops):
                        pending.append(target)
        return found

    def _visit_probe(self, probe: Probe) -> None:
        functions = [
            function
            for function in self._graph.functions
            if (function.path, function.qualname) == (probe.path, probe.function)
        ]
        if not functions:
            self._found.everything = True
        for function in functions:
            loops = tuple(self._nodes[probe.path][ordinal] for ordinal in probe.loops)
            self._visit(_Place(function, probe.anchor, probe.anchor, loops), behind=True)

    def _visit(self, place: _Place, behind: bool = False) -> None:
        """Note what runs a place: its own loops, and all that may call its function."""
        function = place.function
        self._found.step.update(self._training[n] for n in place.loops if n in self._training)
        entered = [self._main[node] for node in place.loops if node in self._main]
        if entered:
            self._found.body = True
            self._found.mains.update(entered)
        elif function in self._spine:
            self._locate(place, behind)
        elif function.qualname == MODULE:
            self._visit_module(function)
        if function.qualname != MODULE:
            self._visit_callers(function)

    def _locate(self, place: _Place, behind: bool) -> None:
        """Hold a place against the places of its function that lead to a main loop."""
        leading = self._spine[place.function]
        shared = any(set(place.loops) & set(other.loops) for other in leading)
        if shared or place.function in self._repeated:
            self._found.prelude = self._found.epilogue = True
            return
        for other in leading:
            if place.last < other.first:
                self._found.prelude = True
            elif place.first > other.last or (behind and place.first >= other.last):
                self._found.epilogue = True
            elif any(node in self._main and node.lineno == other.first for node in _own(other)):
                self._found.prelude = True  # the iterable of the main loop itself
            else:
                self._found.prelude = self._found.epilogue = True

    def _visit_module(self, function: Function) -> None:
        """Module-level code of a file that does not lead to a main loop runs at its import."""
        self._found.prelude = True
        if not any(one.qualname == MODULE for one in self._spine):
            self._found.epilogue = True
        if self._imported_late(function.path):
            self._found.everything = True

    def _imported_late(self, path: str) -> bool:
        """Whether some function, not a module, imports a file."""
        for module in self._graph.modules.values():
            for function in module.functions:
                if function.qualname == MODULE:
                    continue
                imports = [
                    statement
                    for statement, _ in function.statements
                    if isinstance(statement, (ast.Import, ast.ImportFrom))
                ]
                tree = ast.Module(list(imports), [])
                if path in project_imports(tree, module.path, self._trees.__contains__):
                    return True
        return False

    def _visit_callers(self, function: Function) -> None:
        if function in self._visited:
            return
        self._visited.add(function)
        self._visit_called(function)
        calls = self._calls.get(function, [])
        if function not in self._spine and self._is_called_unseen(function, calls):
            self._found.everything = True
            return
        for caller, site in calls:
            place = _place(caller, site)
            inside_main = bool(self._main.keys() & set(site.loops))
            if function in self._spine and not inside_main and caller in self._spine:
                self._visit_callers(caller)  # leads to the main loop: only its body is news
                continue
            self._visit(place)
            if function.yields and site.iterates:
                turns = (*site.loops, site.iterates)
                self._visit(_Place(caller, place.first, place.last, turns))

    def _visit_called(self, function: Function) -> None:
        """Note the loops that a function was called in, whether or not the text shows how."""
        for around in self._called.get((function.path, function.qualname), ()):
            if self._goes_on(function, around):
                continue
            if around:
                self._visit_loops(around)
            elif function not in self._spine:  # there it says that a main loop ran more than once
                self._found.prelude = self._found.epilogue = True

    def _goes_on(self, function: Function, around: Loops) -> bool:
        """Whether a generator or coroutine may have gone on in a loop of its own: no new call."""
        if not (function.yields or isinstance(function.node, ast.AsyncFunctionDef)):
            return False
        nodes = self._nodes[function.path]
        own = {(function.path, nodes.index(node)) for node, _ in function.loops}
        return function in self._spine or not own.isdisjoint(around)

    def _visit_loops(self, around: Loops) -> None:
        places = [(path, ordinal) for path, ordinal in around if path and ordinal is not None]
        if len(places) < len(around) or places[0] not in self._main.values():
            self._found.everything = True
            return
        self._found.body = True
        self._found.mains.add(places[0])
        self._found.step.update(places[1:])

    def _is_called_unseen(self, function: Function, calls: list[tuple[Function, Site]]) -> bool:
        """Whether a function may be called from where no call of it is written."""
        node = function.node
        if isinstance(node, ast.Module):
            return False
        if isinstance(node, ast.AsyncFunctionDef) or not calls:
            return True
        special = function.name.startswith("__") and function.name != "__init__"
        if special or function.name == "forward" or self._is_handed_out(function):
            return True
        aliases = self._graph.modules[function.path].aliases
        for decorator in node.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if dotted_name(named, aliases) not in _TRANSPARENT_DECORATORS:
                return True
        return function.yields and not all(_is_iterated(site) for _, site in calls)

    def _is_handed_out(self, function: Function) -> bool:
        if any(not _is_type_test(caller, site) for caller, site in self._values.get(function, ())):
            return True
        return any(
            looks_up(site.node, function.name, self._graph.modules[caller.path].aliases, self._own)
            for caller in self._graph.functions
            for site in caller.calls
        )


def _own(place: _Place) -> list[LoopNode]:
    return [node for node, _ in place.function.loops]


def _place(caller: Function, site: Site) -> _Place:
    return _Place(caller, site.node.lineno, site.node.end_lineno or site.node.lineno, site.loops)


def _is_iterated(site: Site) -> bool:
    """Whether a generator's call stands in the iterable of a `for`, which alone runs through it."""
    if site.iterates is None or not isinstance(site.iterates, ast.For):
        return False
    at: ast.expr = site.iterates.iter
    pending = [at]
    while pending:
        at = pending.pop()
        if at is site.node:
            return True
        if isinstance(at, ast.Call) and isinstance(at.func, ast.Name):
            if at.func.id in _SELF_ITERATING:
                pending += at.args
    return False


def _is_type_test(caller: Function, site: Site) -> bool:
    """Whether a class is read only to be compared with."""
    for other in caller.calls:
        call = other.node
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            if call.func.id in ("isinstance", "issubclass", "super") and site.node in call.args:
                return True
    return False


def _defines(probe: Probe) -> bool:
    """Whether a probe only imports or defines."""
    try:
        body = ast.parse(probe.text).body
    except SyntaxError:  # the header of a compound statement
        return probe.text.lstrip().startswith(("@", "def ", "class ", "async def "))
    definitions = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
    )
    return bool(body) and all(isinstance(statement, definitions) for statement in body)
