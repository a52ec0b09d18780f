"""What of a file other files may look for: a name that is added there may be one of these."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname


def names_seen_by(others: Mapping[str, ast.Module], path: str) -> frozenset[str]:
    """Names that other files import from a file, read as its attributes, or share by `*`."""
    stem = basename(path).removesuffix(".py")
    module = basename(dirname(path)) if stem == "__init__" else stem
    return frozenset(name for tree in others.values() for name in _names_seen(tree, module))


def _names_seen(tree: ast.Module, module: str) -> Iterator[str]:
    aliases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if (node.module or "").rpartition(".")[2] == module:
                for alias in node.names:
                    yield from _identifiers(tree) if alias.name == "*" else (alias.name,)
            aliases |= {one.asname or one.name for one in node.names if one.name == module}
        elif isinstance(node, ast.Import):
            for one in node.names:
                if one.name.rpartition(".")[2] == module:
                    aliases.add(one.asname or one.name.partition(".")[0])
    if aliases:
        yield from _attributes(tree, aliases)


def _identifiers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name


def _attributes(tree: ast.Module, aliases: set[str]) -> Iterator[str]:
    """What is read of modules: as an attribute, or by a text as in `getattr(config, "seed", 0)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            at: ast.expr = node
            while isinstance(at, ast.Attribute):
                at = at.value
            if isinstance(at, ast.Name) and at.id in aliases:
                yield node.attr
        elif isinstance(node, ast.Call) and any(
            isinstance(part, ast.Name) and part.id in aliases for part in node.args
        ):
            for part in node.args:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value
