"""Code that is typed at a prompt: executed statement by statement, with the script going on in between.

Calls of `step` and `run_to` are awaited, and so is the code that they stand in: what is awaited there
leaves the prompt, and the script under it goes on in the same thread. So they may stand in loops and
conditions; in functions they cannot.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from florlib.runtime.shell.goals import Goal
from florlib.runtime.shell.names import Names

SHELL, CONTROLS = "shell", "__shell__"  # the name that a script may have, and the one that none has
GOING_ON, LOG = ("step", "run_to"), "log"
_PATCHABLE = (types.ModuleType, type, types.FunctionType)
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

Running = Coroutine[Goal, None, None]
"""Code that is being executed; what it sends out is how far the script is to go on."""


class Declined(Exception):
    """What was typed cannot be done; one line says why."""


class Over(Declined):
    """The script has ended: it cannot go on."""


class GoOn:
    """What `step` and `run_to` give, to be awaited.

    Raises:
        Declined: they stand where nothing can be awaited.
    """

    def __init__(self, goal: Goal) -> None:
        if not sys._getframe(2).f_code.co_flags & inspect.CO_COROUTINE:
            raise Declined(
                "step() and run_to() have to be typed at the prompt itself: a function cannot wait"
                " for the script"
            )
        self._goal = goal

    def __await__(self) -> Generator[Goal, None, None]:
        yield self._goal


@dataclass(frozen=True, slots=True)
class Controls:
    """What a prompt offers under `shell`, where names of the script's hide the rest.

    Attributes:
        step: step(n=1) executes the next n turns of the innermost training loop.
        run_to: run_to("epoch=7") or run_to(epoch=7, step=3) executes until there.
        log: log(name, value) notes a value at this position, with the origin `shell`.
    """

    step: Callable[..., GoOn]
    run_to: Callable[..., GoOn]
    log: Callable[[str, Any], Any]


class Awaiting(ast.NodeTransformer):
    """Has calls of what the prompt offers made, and awaits those that let the script go on.

    A name of the script's that cannot be called, as `step` in `for step, batch in …`, is none of its
    calls either.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    def _as_it_is(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _as_it_is
    visit_ClassDef = visit_GeneratorExp = visit_Await = _as_it_is

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = self._called(node.func)
        if called is None:
            return node
        node.func = ast.Attribute(ast.Name(CONTROLS, ast.Load()), called, ast.Load())
        return ast.copy_location(ast.Await(node) if called in GOING_ON else node, node)

    def _called(self, function: ast.expr) -> str | None:
        """Which of the prompt's functions is called."""
        if isinstance(function, ast.Name):
            name = function.id
            return name if name in (*GOING_ON, LOG) and self._names.offers(name) else None
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return None
        is_ours = function.value.id == SHELL and self._names.offers(SHELL)
        return function.attr if is_ours and function.attr in GOING_ON else None


def awaiting(tree: Any, names: Names) -> Any:
    """The tree as it is executed."""
    return ast.fix_missing_locations(Awaiting(names).visit(tree))


def patched(tree: ast.AST, names: Names) -> str | None:
    """What of a library, a class or a function is set in code that was typed; None for nothing.

    Checkpoints hold such things only where the script's text names them.
    """
    for node in ast.walk(tree):
        owner: ast.expr | None = None
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            owner = node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
            owner = node.args[0] if node.args else None
        if owner is not None and isinstance(_found(owner, names), _PATCHABLE):
            return ast.unparse(node) if isinstance(node, ast.Attribute) else ast.unparse(owner)
    return None


def _found(expression: ast.expr, names: Names) -> Any:
    """What a dotted name leads to; None where it is none, or leads nowhere."""
    if isinstance(expression, ast.Name):
        return names.mapping.get(expression.id)
    if isinstance(expression, ast.Attribute):
        return getattr(_found(expression.value, names), expression.attr, None)
    return None


async def execute(source: str, file: str, names: Names, *, shown: bool) -> None:
    """Execute code.

    Args:
        source: Python.
        file: how tracebacks are to call it.
        names: that it sees.
        shown: the values of expressions are displayed, as at a prompt.

    Raises:
        BaseException: whatever the code raises; SyntaxError where it is none.
    """
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    for node in ast.parse(source, file).body:
        names.note_patched(patched(node, names))
        made = awaiting(ast.Module([node], []), names)
        tree, mode = (ast.Interactive(made.body), "single") if shown else (made, "exec")
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(tree, file, mode, flags=flags, dont_inherit=True)
        try:
            waiting = eval(code, names.mapping)
            if code.co_flags & inspect.CO_COROUTINE:
                await waiting
        finally:
            names.put_back()


def proceed(running: Running, error: BaseException | None) -> Goal | None:
    """Execute until the script is to go on; None at the end of the code.

    Args:
        running: the code.
        error: what it is to find raised where it waits.

    Raises:
        BaseException: what the code raises.
    """
    try:
        return running.send(None) if error is None else running.throw(error)
    except StopIteration:
        return None


def exit_status(end: SystemExit) -> int:
    """The status that a SystemExit asks for; a text is told, as Python does."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)  # noqa: T201  # in the place of the interpreter
    return 1


def show_error(error: BaseException) -> None:
    """Write a traceback as a prompt does, from what was typed on; a line where that says it all."""
    if isinstance(error, Declined):
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # what is written at a prompt
        return
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
