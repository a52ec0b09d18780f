"""Following values of the wall clock (and other readings of the machine) through a program.

A taint is a set of bits. A value is OWN when it comes from a clock in this function or below it, and
CARRIED when a caller handed it in: the same function may get clean values elsewhere. TEXT is a
reading turned into characters, mostly the name of a file: it does not taint what is made from it.
HOLDS marks a mapping with a tainted entry beside clean ones.

The analysis knows no order of statements and no control flow; it runs to a fixpoint.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeVar

from florlib.source.assignments import assigned
from florlib.source.calls import CallGraph
from florlib.source.functions import Function, Site
from florlib.source.imports import dotted_name
from florlib.source.logs import is_log_call, last_word
from florlib.source.names import parameters

OWN, CARRIED, OWN_TEXT, CARRIED_TEXT, HOLDS = 1, 2, 4, 8, 16
VALUE = OWN | CARRIED
TEXT = OWN_TEXT | CARRIED_TEXT
FLOWING = VALUE | TEXT

READINGS = frozenset(
    """time.time time.time_ns time.perf_counter time.perf_counter_ns time.monotonic
    time.monotonic_ns time.process_time time.process_time_ns time.thread_time time.localtime
    time.gmtime time.ctime time.asctime time.strftime datetime.datetime.now
    datetime.datetime.utcnow datetime.datetime.today datetime.date.today timeit.default_timer
    timeit.timeit timeit.repeat os.times os.getpid uuid.uuid1 uuid.uuid4
    torch.cuda.memory_allocated torch.cuda.max_memory_allocated torch.cuda.memory_reserved
    torch.cuda.max_memory_reserved torch.cuda.mem_get_info torch.cuda.utilization
    psutil.cpu_percent psutil.virtual_memory""".split()
)
_CLOCK_METHODS = frozenset({"elapsed_time"})  # torch.cuda.Event
_TO_TEXT = frozenset({"str", "repr", "format", "strftime", "isoformat", "dumps", "join"})
_COUNTS = frozenset({"len", "isinstance", "issubclass", "hasattr", "type", "id", "callable"})
# What a file holds does not hang on the time in its name.
_READERS = frozenset(
    """open load read read_text read_bytes read_csv imread exists is_file is_dir isfile isdir
    mkdir makedirs glob listdir""".split()
)
_COLLECTORS = frozenset({"append", "appendleft", "extend", "insert", "add", "setdefault"})
_UNTOUCHED = frozenset({"seed", "manual_seed", "add_argument", "set_defaults", "sleep", "wait"})


_Key = TypeVar("_Key")


class Taint:
    """Tainted names, attributes, mapping keys and return values of a project."""

    def __init__(self, graph: CallGraph) -> None:
        self.graph = graph
        self.names: dict[tuple[Function, str], int] = {}
        self.attributes: dict[tuple[str, str], int] = {}  # (class name or "", attribute)
        self._keys: dict[str, int] = {}
        self._returns: dict[Function, list[int]] = {}  # one entry, or one for each of a tuple
        self._absorbing: set[Function] = set()  # methods that store a caller's value in self
        self._targets: dict[int, list[Function]] = {}
        self._changed = False
        if any(self._is_reading(f, site.node) for f in graph.functions for site in f.calls):
            self._solve()

    def of(self, function: Function, node: ast.AST | None) -> int:
        """The taint of an expression's value."""
        if isinstance(node, ast.Name):
            return self._of_name(function, node.id)
        if isinstance(node, ast.Attribute):
            return (self.of(function, node.value) & FLOWING) | self._of_attribute(function, node)
        if isinstance(node, ast.Subscript):
            return self._of_subscript(function, node)
        if isinstance(node, ast.Call):
            return self._join(self._of_call(function, node))
        if isinstance(node, ast.Compare):
            if all(isinstance(operator, (ast.Is, ast.IsNot)) for operator in node.ops):
                return 0
        elif isinstance(node, ast.Dict):
            return self._of_dict(function, node)
        elif isinstance(node, ast.IfExp):
            return self.of(function, node.body) | self.of(function, node.orelse)
        elif isinstance(node, ast.NamedExpr):
            return self.of(function, node.value)
        elif isinstance(node, ast.JoinedStr):
            return _as_text(self._of_children(function, node))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            if isinstance(node.left, (ast.Constant, ast.JoinedStr)):
                return _as_text(self._of_children(function, node))
        elif isinstance(node, (ast.Lambda, ast.Constant)) or node is None:
            return 0
        return self._of_children(function, node) & FLOWING

    def _of_children(self, function: Function, node: ast.AST) -> int:
        found = 0
        for child in ast.iter_child_nodes(node):
            found |= self.of(function, child)
        return found

    def _of_name(self, function: Function, name: str) -> int:
        return self.names.get((self._scope(function, name), name), 0)

    def _scope(self, function: Function, name: str) -> Function:
        """The function whose variable a name is; the module where it is nobody's."""
        scope = function
        while scope.outer is not None and not scope.binds(name):
            scope = scope.outer
        return scope

    def _of_attribute(self, function: Function, node: ast.Attribute) -> int:
        aliases = self.graph.modules[function.path].aliases
        if isinstance(node.value, ast.Name) and node.value.id in aliases:
            return 0
        own = self.graph.class_of(function)
        if own and isinstance(node.value, ast.Name) and node.value.id == "self":
            kinds = {kind.name for kind in self.graph.family(own)} | {""}
            return self._join([self.attributes.get((kind, node.attr), 0) for kind in kinds])
        return self._join(
            [bits for (_, name), bits in self.attributes.items() if name == node.attr]
        )

    def _of_subscript(self, function: Function, node: ast.Subscript) -> int:
        base = self.of(function, node.value) & FLOWING
        key = _key(node.slice)
        return base | (self._keys.get(key, 0) if key else self.of(function, node.slice) & FLOWING)

    def _of_dict(self, function: Function, node: ast.Dict) -> int:
        found = 0
        for key, value in zip(node.keys, node.values, strict=True):
            bits = self.of(function, value)
            word = _key(key)
            if word and bits:
                self._raise(self._keys, word, bits & FLOWING)
                bits = HOLDS
            found |= bits
        return found

    def _of_call(self, function: Function, call: ast.Call) -> list[int]:
        """The taint of what a call returns; of each element where that is a written-out tuple."""
        if self._is_reading(function, call):
            return [OWN]
        verb = last_word(call.func)
        if verb in _COUNTS or verb in _READERS:
            return [0]
        given = self._join([self.of(function, argument) for argument in call_arguments(call)])
        receiver = 0
        if isinstance(call.func, ast.Attribute):
            receiver = self.of(function, call.func.value) & FLOWING
        targets = self._targets_of(function, call)
        if targets:
            return self._of_targets(targets, given | receiver)
        if verb in _TO_TEXT:
            return [_as_text(given | receiver)]
        if verb[:1].isupper() and verb != "Path":
            given &= ~TEXT
        return [(given & FLOWING) | receiver]

    def _of_targets(self, targets: list[Function], given: int) -> list[int]:
        made = [target for target in targets if target.name == "__init__"]
        summaries = [self._returns.get(target, [0]) for target in targets if target not in made]
        if not summaries:
            return [0]  # an object of the project: its attributes tell
        width = {len(summary) for summary in summaries}
        if len(width) > 1:
            summaries = [[self._join(summary)] for summary in summaries]
        combined = [self._join(list(bits)) for bits in zip(*summaries, strict=True)]
        return [
            (bits & ~(CARRIED | CARRIED_TEXT)) | (given if bits & (CARRIED | CARRIED_TEXT) else 0)
            for bits in combined
        ]

    def _is_reading(self, function: Function, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCK_METHODS:
            return True
        aliases = self.graph.modules[function.path].aliases
        name = dotted_name(node.func, aliases)
        if name in ("time.strftime", "time.localtime", "time.gmtime", "time.ctime"):
            return len(node.args) == (name == "time.strftime")  # else of a time that is given
        return name in READINGS

    def _targets_of(self, function: Function, call: ast.Call) -> list[Function]:
        if id(call) not in self._targets:
            self._targets[id(call)] = self.graph.targets(function, Site(call, ()))
        return self._targets[id(call)]

    def _solve(self) -> None:
        self._changed = True
        while self._changed:
            self._changed = False
            for function in self.graph.functions:
                for statement, _ in function.statements:
                    self._statement(function, statement)
                for site in function.calls:
                    if isinstance(site.node, ast.Call):
                        self._call(function, site.node)

    def _statement(self, function: Function, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            self._unpack(function, statement.targets, statement.value)
        elif isinstance(statement, ast.AugAssign):
            self._store(function, statement.target, self.of(function, statement.value))
        elif isinstance(statement, ast.Return):
            self._return(function, statement.value)
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            bits = self.of(function, statement.iter) & FLOWING
            for target in _leaves(statement.target):
                self._store(function, target, bits)
        else:
            for target, value in assigned(statement):
                self._store(function, target, self.of(function, value))
        for part in header_expressions(statement):
            for node in ast.walk(part):
                if isinstance(node, ast.NamedExpr):
                    self._store(function, node.target, self.of(function, node.value))
                elif isinstance(node, (ast.Yield, ast.YieldFrom)):
                    self._return(function, node.value)

    def _unpack(self, function: Function, targets: list[ast.expr], call: ast.Call) -> None:
        bits = self._of_call(function, call)
        for target in targets:
            parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            known = len(parts) == len(bits)
            for number, part in enumerate(parts):
                for leaf in _leaves(part):
                    self._store(function, leaf, bits[number] if known else self._join(bits))

    def _return(self, function: Function, value: ast.expr | None) -> None:
        elements = value.elts if isinstance(value, ast.Tuple) else [value]
        bits = [self.of(function, element) for element in elements]
        before = self._returns.get(function)
        if before is not None and len(before) != len(bits):
            bits, before = [self._join(bits)], [self._join(before)]
        after = [old | new for old, new in zip(before or [0] * len(bits), bits, strict=True)]
        if after != self._returns.get(function):
            self._returns[function] = after
            self._changed = True

    def _store(self, function: Function, target: ast.expr, bits: int) -> None:
        if not bits:
            return
        if isinstance(target, ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            self._raise(self.names, (self._scope(function, target.id), target.id), bits)
        elif isinstance(target, ast.Attribute):
            self._store_attribute(function, target, bits)
        elif isinstance(target, ast.Subscript):
            key = _key(target.slice)
            if key:
                self._raise(self._keys, key, bits & FLOWING)
            self._store(function, target.value, HOLDS if key else bits)

    def _store_attribute(self, function: Function, target: ast.Attribute, bits: int) -> None:
        own = self.graph.class_of(function)
        is_self = isinstance(target.value, ast.Name) and target.value.id == "self"
        kind = own.name if own and is_self else ""
        kept = bits & (OWN | OWN_TEXT | HOLDS)
        if bits & ~kept and function.name == "__init__":
            kept |= _as_own(bits)
        if bits & CARRIED and is_self and function.name != "__init__":
            self._absorbing.add(function)
        if kept:
            self._raise(self.attributes, (kind, target.attr), kept)

    def _call(self, function: Function, call: ast.Call) -> None:
        """Hand the taint of arguments to the parameters and the receiver of a call."""
        aliases = self.graph.modules[function.path].aliases
        targets = self._targets_of(function, call)
        for target in targets:
            self._pass_arguments(function, call, target)
        if not isinstance(call.func, ast.Attribute) or is_log_call(call, aliases):
            return
        receiver, verb = call.func.value, call.func.attr
        root = dotted_name(receiver, {})
        if verb in _UNTOUCHED or (root and root.partition(".")[0] in aliases):
            return
        if targets and not any(target in self._absorbing for target in targets):
            return
        bits = self._join([self.of(function, argument) for argument in call_arguments(call)])
        bits &= FLOWING if verb in _COLLECTORS else VALUE
        if verb not in _READERS:
            self._store(function, receiver, bits)

    def _pass_arguments(self, function: Function, call: ast.Call, target: Function) -> None:
        if isinstance(target.node, ast.Module):
            return
        names = parameters(target.node.args)
        if target.owner is not None and names and names[0] in ("self", "cls"):
            if isinstance(call.func, ast.Attribute) and target.name != "__init__":
                bits = self.of(function, call.func.value) & VALUE
                self._raise(self.names, (target, names[0]), _as_carried(bits))
            names = names[1:]
        for name, argument in zip(names, call.args, strict=False):
            self._raise(self.names, (target, name), _as_carried(self.of(function, argument)))
        for word in call.keywords:
            if word.arg in names:
                bits = self.of(function, word.value)
                self._raise(self.names, (target, str(word.arg)), _as_carried(bits))

    def _raise(self, table: dict[_Key, int], key: _Key, bits: int) -> None:
        if bits & ~table.get(key, 0):
            table[key] = table.get(key, 0) | bits
            self._changed = True

    @staticmethod
    def _join(every: list[int]) -> int:
        found = 0
        for bits in every:
            found |= bits
        return found


def header_expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions that a statement evaluates itself, those of its body left out."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.withitem):
            yield child.context_expr


def call_arguments(call: ast.Call) -> list[ast.expr]:
    """Positional and keyword arguments of a call."""
    return [*call.args, *(word.value for word in call.keywords)]


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _leaves(part)
    else:
        yield target


def _key(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _as_text(bits: int) -> int:
    return (bits & (TEXT | HOLDS)) | (bits & VALUE) * OWN_TEXT


def _as_own(bits: int) -> int:
    own = OWN if bits & VALUE else 0
    return own | (OWN_TEXT if bits & TEXT else 0) | (bits & HOLDS)


def _as_carried(bits: int) -> int:
    carried = CARRIED if bits & VALUE else 0
    return carried | (CARRIED_TEXT if bits & TEXT else 0) | (bits & HOLDS)
