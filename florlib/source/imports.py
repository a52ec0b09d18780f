"""Imports of a module: what its names stand for, and which project files it brings in."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from posixpath import dirname, join


def import_aliases(tree: ast.AST) -> dict[str, str]:
    """Imported name -> what it stands for, dotted; relative imports keep their dots in front.

    >>> import_aliases(ast.parse("import torch.nn as nn; from .engine import run as go"))
    {'nn': 'torch.nn', 'go': '.engine.run'}
    """
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                aliases[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            dot = "" if module.endswith(".") else "."
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{module}{dot}{alias.name}"
    return aliases


def dotted_name(expression: ast.expr, aliases: Mapping[str, str]) -> str | None:
    """The dotted path of a name or attribute, aliases resolved; None for anything else.

    >>> dotted_name(ast.parse("opt.SGD", mode="eval").body, {"opt": "torch.optim"})
    'torch.optim.SGD'
    """
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    parts.append(aliases.get(expression.id, expression.id))
    return ".".join(reversed(parts))


def project_imports(
    tree: ast.Module,
    path: str,
    exists: Callable[[str], bool],
    roots: Sequence[str] | None = None,
) -> list[str]:
    """Project files that a module imports, `__init__.py` of their packages included, in order.

    Args:
        tree: the module.
        path: its project-relative posix path.
        exists: whether a project-relative posix path is a file.
        roots: folders that absolute imports are seen from, "" for the project itself. Without
            them: every folder from the module's own up to the project, as the folder of the
            script that will import the module is not known here.
    """
    folder = dirname(path)
    searched = list(_ancestors(folder)) if roots is None else list(roots)
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        for level, module in _imported_modules(node):
            bases = [_up(folder, level - 1)] if level else searched
            for base in bases:
                files = _files_of(base, module, exists)
                if files:
                    found.update(dict.fromkeys(files))
                    break
    found.pop(path, None)
    return list(found)


def _imported_modules(node: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """(level, dotted parts) of each module that a statement may import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield 0, alias.name.split(".")
    elif isinstance(node, ast.ImportFrom):
        parts = node.module.split(".") if node.module else []
        if node.level:
            yield node.level, []  # the package that it is relative to
        if parts:
            yield node.level, parts
        for alias in node.names:
            if alias.name != "*":
                yield node.level, [*parts, alias.name]


def _files_of(base: str, module: list[str], exists: Callable[[str], bool]) -> list[str]:
    """The files run by importing a module below a folder: packages on the way, then itself."""
    files: list[str] = []
    at = base
    for part in module or [""]:
        at = join(at, part) if part else at
        candidates = [join(at, "__init__.py"), *([f"{at}.py"] if part else [])]
        files += [file for file in candidates if exists(file)][:1]
    return files


def _ancestors(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = dirname(folder)
    yield ""


def _up(folder: str, levels: int) -> str:
    for _ in range(levels):
        folder = dirname(folder)
    return folder
