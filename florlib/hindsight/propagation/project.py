"""What the files of two versions of a project define: attributes, and what can be imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from posixpath import basename

from florlib.hindsight.propagation.refusals import NoPlace
from florlib.source.imports import project_imports
from florlib.source.names import names_in


@dataclass(frozen=True)
class Project:
    """Two versions of a project.

    Attributes:
        recent: by path, the files of the recent one.
        earlier: those of the earlier one.
    """

    recent: Mapping[str, ast.Module]
    earlier: Mapping[str, ast.Module]

    @cached_property
    def attributes_now(self) -> frozenset[str]:
        """Attributes that the recent files define."""
        return frozenset(name for tree in self.recent.values() for name in _attributes(tree))

    @cached_property
    def attributes_then(self) -> frozenset[str]:
        """Attributes that the earlier files define."""
        return frozenset(name for tree in self.earlier.values() for name in _attributes(tree))

    def check_import(self, statement: ast.Import | ast.ImportFrom, path: str) -> None:
        """See that what is imported from the project is there in the earlier version.

        Args:
            statement: the import.
            path: of the file that it stands in.

        Raises:
            NoPlace: it is not.
        """
        files = project_imports(ast.Module([statement], []), path, self.recent.__contains__)
        for file in files:
            if file not in self.earlier:
                raise NoPlace(f"{file}, which it imports, is not in that version")
        if not files or not isinstance(statement, ast.ImportFrom):
            return
        stored = names_in(*(node for file in files for node in self.earlier[file].body)).stored
        modules = {basename(file).removesuffix(".py") for file in files}
        for alias in statement.names:
            if not {"*", alias.name} & (stored | modules) and alias.name != "*":
                raise NoPlace(f"{files[-1]} of that version has no `{alias.name}`")


def _attributes(tree: ast.Module) -> Iterator[str]:
    """Attributes that a file defines: stored ones, methods, what stands in a class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            for part in ast.walk(node):
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield part.name
                elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id
