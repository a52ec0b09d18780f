"""The text of a statement for another place: indented as there, with the names it has there."""

from __future__ import annotations

import ast
import copy
import io
import tokenize
from collections.abc import Iterator, Mapping

from florlib.source.spans import lines_of, span_of


def statement_lines(text: str, statement: ast.stmt) -> list[str]:
    """The lines of a statement, its own indentation taken off.

    Args:
        text: of its file.
        statement: in it.
    """
    first, last = span_of(statement)
    lines = [line.rstrip("\r\n") for line in lines_of(text)[first - 1 : last]]
    end = statement.end_col_offset or 0
    if lines[-1].encode()[end:].lstrip().startswith(b";"):
        lines[-1] = lines[-1].encode()[:end].decode()
    prefix = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if len(prefix.encode()) < statement.col_offset and first == statement.lineno:
        return [lines[0].encode()[statement.col_offset :].decode(), *lines[1:]]
    inside = _inside_strings(text)
    return [
        line.removeprefix(prefix) if first + n not in inside else line
        for n, line in enumerate(lines)
    ]


def is_alone(text: str, statement: ast.stmt) -> bool:
    """Whether no other statement stands on the lines of one."""
    first, last = span_of(statement)
    lines = [line.encode() for line in lines_of(text)[first - 1 : last]]
    ahead, behind = lines[0][: statement.col_offset], lines[-1][statement.end_col_offset or 0 :]
    return not ahead.strip() and not behind.strip().startswith(b";")


def indented(lines: list[str], indentation: str) -> list[str]:
    """Lines at another indentation; what lies within texts of several lines stays as it is."""
    inside = _inside_strings("\n".join(lines))
    return [
        line if n in inside or not line.strip() else indentation + line
        for n, line in enumerate(lines, start=1)
    ]


def renamed(lines: list[str], names: Mapping[str, str], attributes: Mapping[str, str]) -> list[str]:
    """Lines of one statement with other names; as ast writes them, where they cannot be put in."""
    if not names and not attributes:
        return lines
    text = "\n".join(lines)
    wanted = _Renamer(names, attributes).visit(ast.parse(text))
    spliced = _spliced(text, names, attributes)
    try:
        if ast.dump(ast.parse(spliced)) == ast.dump(wanted):
            return spliced.splitlines()
    except SyntaxError:
        pass  # positions within f-strings are not told before Python 3.12
    return ast.unparse(wanted).splitlines()


def _spliced(text: str, names: Mapping[str, str], attributes: Mapping[str, str]) -> str:
    lines = [line.encode() for line in text.split("\n")]
    for line, start, stop, word in sorted(_places(text, names, attributes), reverse=True):
        lines[line] = lines[line][:start] + word.encode() + lines[line][stop:]
    return b"\n".join(lines).decode("utf-8", "replace")


def _places(
    text: str, names: Mapping[str, str], attributes: Mapping[str, str]
) -> Iterator[tuple[int, int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in names:
            yield node.lineno - 1, node.col_offset, node.end_col_offset or 0, names[node.id]
        elif isinstance(node, ast.Attribute) and node.attr in attributes:
            end = node.end_col_offset or 0
            start = end - len(node.attr.encode())
            yield (node.end_lineno or 1) - 1, start, end, attributes[node.attr]


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str], attributes: Mapping[str, str]) -> None:
        self._names = names
        self._attributes = attributes

    def visit_Name(self, node: ast.Name) -> ast.Name:
        named = copy.copy(node)
        named.id = self._names.get(node.id, node.id)
        return named

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = self._attributes.get(node.attr, node.attr)
        return node


def _inside_strings(text: str) -> set[int]:
    """The lines, from 1, that begin within a text of several lines."""
    found: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name in ("FSTRING_START", "TSTRING_START"):
            opened.append(token.start[0])
        elif name in ("FSTRING_END", "TSTRING_END"):
            found.update(range(opened.pop() + 1, token.end[0] + 1))
        elif token.type == tokenize.STRING:
            found.update(range(token.start[0] + 1, token.end[0] + 1))
    return found
