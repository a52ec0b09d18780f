"""What a statement does to the course of the program around it, and behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from florlib.source.imports import dotted_name

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_ENDINGS = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit", "os.kill", "os.execv"})
# What these do goes on behind the statement, where no guard around it can take it back.
_LASTING = frozenset(
    """atexit.register atexit.unregister signal.signal signal.setitimer signal.alarm sys.settrace
    sys.setprofile threading.settrace threading.setprofile sys.addaudithook os.fork
    sys.setrecursionlimit gc.disable""".split()
)
_WORDS: dict[type[ast.AST], str] = {
    ast.Return: "returns",
    ast.Yield: "yields",
    ast.YieldFrom: "yields",
    ast.Await: "awaits",
    ast.AsyncFor: "awaits",
    ast.AsyncWith: "awaits",
}


def steers(statement: ast.AST) -> Iterator[str]:
    """How a statement steers the program around it, in words."""
    yield from _steers(statement, 0, False)


def _steers(node: ast.AST, loops: int, caught: bool) -> Iterator[str]:
    if isinstance(node, (ast.Break, ast.Continue)) and not loops:
        yield f"`{type(node).__name__.lower()}` leaves a recorded loop"
    elif isinstance(node, (ast.Raise, ast.Assert)) and not caught:
        yield f"may raise: `{ast.unparse(node)}`"
    elif type(node) in _WORDS:
        yield f"{_WORDS[type(node)]} from the recorded code"
    if isinstance(node, _SCOPES):
        return
    for name, value in ast.iter_fields(node):
        inside = loops + (isinstance(node, (ast.For, ast.While)) and name == "body")
        safe = caught or (isinstance(node, ast.Try) and name == "body" and bool(node.handlers))
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _steers(part, inside, safe)


def lasting_calls(
    statement: ast.AST, aliases: Mapping[str, str], *, removes: bool
) -> Iterator[str]:
    """Calls whose effect cannot be bounded by the statement, in words.

    Args:
        statement: an addition.
        aliases: imports of the present file.
        removes: whether the additions take something off again, as a hook by its handle.
    """
    for node in ast.walk(statement):
        for decorator in getattr(node, "decorator_list", ()):
            if dotted_name(decorator, aliases) in _LASTING:
                yield f"goes on behind the added line: `@{ast.unparse(decorator)}`"
        if not isinstance(node, ast.Call):
            continue
        name = dotted_name(node.func, aliases) or ""
        if name in _ENDINGS:
            yield f"ends the program: `{ast.unparse(node)}`"
        elif name in _LASTING:
            yield f"goes on behind the added line: `{ast.unparse(node)}`"
        elif name == "exec":
            yield f"runs a text that cannot be looked into: `{ast.unparse(node)}`"
        elif _registers_hook(node) and not removes:
            yield (
                f"leaves a hook behind: `{ast.unparse(node.func)}`; "
                "call `remove()` of its handle in the added lines as well"
            )


def _registers_hook(call: ast.Call) -> bool:
    verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return verb.startswith("register_") and "hook" in verb
