"""By which statement a loop was left, told from the line its frame stands on.

When a loop is left early, its generator is closed while the frame still stands in the loop. CPython
(read and measured, 3.10 to 3.13) shows the line of the `break` or `return`; inside `with` the
line of the outermost `with` that is left, as its `__exit__` was called last; inside `try` with
`finally` the last line run there. An exception shows the line that raised.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Literal, TypeAlias

from florlib.source.functions import loop_nodes
from florlib.source.spans import LineSpan, header_span

ExitKind: TypeAlias = Literal["break", "return", "raise"]

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def exit_kind(
    tree: ast.Module,
    loop_ordinal: int,
    line: int,
    hindsight: Collection[LineSpan] = frozenset(),
) -> ExitKind | None:
    """The way out of a loop; None where the line is not in the loop, or there is no such loop.

    Where a line holds both, `return` wins over `break`, being the one that is never skipped. A
    line like `if test(): break` says "break" even when it was `test()` that raised.
    """
    loops = loop_nodes(tree, hindsight)
    if not 0 <= loop_ordinal < len(loops):
        return None
    loop = loops[loop_ordinal]
    if not loop.lineno <= line <= (loop.end_lineno or loop.lineno):
        return None
    kinds = {kind for kind, (first, last) in _ways_out(loop.body) if first <= line <= last}
    if "return" in kinds:
        return "return"
    return "break" if "break" in kinds else "raise"


def _ways_out(
    body: list[ast.stmt], outermost: LineSpan | None = None, inner: bool = False
) -> Iterator[tuple[ExitKind, LineSpan]]:
    """Each break or return of a loop body with the lines where the frame stands as it leaves.

    Args:
        body: statements of the loop.
        outermost: where the outermost block stands that has to be left first, if any.
        inner: whether the statements stand in a loop within the loop: a break is not ours then.
    """
    for statement in body:
        own = (statement.lineno, statement.end_lineno or statement.lineno)
        if isinstance(statement, ast.Return):
            yield "return", outermost or own
        elif isinstance(statement, ast.Break) and not inner:
            yield "break", outermost or own
        elif isinstance(statement, _SCOPES):
            continue
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            yield from _ways_out(statement.body, outermost or header_span(statement), inner)
        elif isinstance(statement, _LOOPS):
            yield from _ways_out(statement.body, outermost, True)
            yield from _ways_out(statement.orelse, outermost, inner)
        elif isinstance(statement, ast.Try) and statement.finalbody:
            final = statement.finalbody
            place = outermost or (final[0].lineno, final[-1].end_lineno or final[-1].lineno)
            for block in _blocks(statement):
                at = outermost if block is final else place
                yield from _ways_out(block, at, inner)
        else:
            for block in _blocks(statement):
                yield from _ways_out(block, outermost, inner)


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if block:
            yield block
    for part in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
        yield part.body
