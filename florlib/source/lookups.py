"""Attributes that are looked up by a text: getattr and its like, and which names they may give."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping

from florlib.source.imports import dotted_name
from florlib.source.logs import last_word

_ANYTHING = ".*"


def looks_up(
    node: ast.expr, name: str, aliases: Mapping[str, str], project: Collection[str]
) -> bool:
    """Whether a call may look up an attribute of this name in something of the project's.

    Args:
        node: a call, or anything else, which looks nothing up.
        name: of a function.
        aliases: imports of the file that the call stands in.
        project: names of the project's own top-level modules and packages.

    >>> def may(text): return looks_up(ast.parse(text, mode="eval").body, "on_end", {"torch": "torch"}, ())
    >>> may("getattr(self, 'on_' + event)"), may("getattr(self, f'{stage}_step')"), may("getattr(x, word)")
    (True, False, True)
    >>> may("getattr(torch.optim, word)"), may("methodcaller('on_end')")
    (False, True)
    """
    if not isinstance(node, ast.Call):
        return False
    if last_word(node.func) == "getattr" and len(node.args) > 1:
        owner = dotted_name(node.args[0], aliases)
        if _is_library(owner, aliases, project):
            return False
        return re.fullmatch(_pattern(node.args[1]), name) is not None
    if last_word(node.func) in ("attrgetter", "methodcaller") and node.args:
        return re.fullmatch(_pattern(node.args[0]), name) is not None
    return False


def _is_library(owner: str | None, aliases: Mapping[str, str], project: Collection[str]) -> bool:
    root = (owner or "").partition(".")[0]
    imported = {target.partition(".")[0] for target in aliases.values()}
    return root in imported and root not in project and root != "sys"


def _pattern(text: ast.expr) -> str:
    """A regular expression for the texts that an expression may give."""
    if isinstance(text, ast.Constant):
        return re.escape(str(text.value))
    if isinstance(text, ast.JoinedStr):
        return "".join(map(_pattern, text.values))
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
        return _pattern(text.left) + _pattern(text.right)
    return _ANYTHING
