"""Names stored and loaded, by Python's scoping rules."""

from __future__ import annotations

import ast

import pytest

from florlib.source.names import names_in


@pytest.mark.parametrize(
    ("source", "stored", "loaded"),
    [
        ("a = b", "a", "b"),
        ("a += b", "a", "ab"),
        ("a: b = c", "a", "bc"),
        ("a.b = c", "", "ac"),
        ("a[b] = c", "", "abc"),
        ("(a, *b), c = d", "abc", "d"),
        ("del a", "a", ""),
        ("for a in b: c", "a", "bc"),
        ("with a as b: c", "b", "ac"),
        ("import a, b.c, d as e", "abe", ""),
        ("from a import b as c, d", "cd", ""),
        ("try: a\nexcept b as c: f", "c", "abf"),
        ("a = (b := c)", "ab", "c"),
        ("[a for a in b]", "", "b"),
        ("[a for b in c for a in b if d]", "", "cd"),
        ("{a: d for a in b}", "", "bd"),
        ("[(x := a) for a in b]", "x", "b"),
        ("lambda a, b=c: a + d", "", "cd"),
        ("def f(a=b):\n    c = a\n    return c + d", "f", "bd"),
        ("def f():\n    global a\n    a = b", "af", "b"),
        ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y", "f", "y"),
        ("class K(a):\n    b = c\n    def m(self): return d", "K", "acd"),
        ("match a:\n    case [b, *c]: d\n    case {'k': e, **f}: g", "bcef", "adg"),
    ],
)
def test_names(source: str, stored: str, loaded: str) -> None:
    names = names_in(ast.parse(source))

    assert "".join(
        sorted(names.stored - {"x"} if "nonlocal" in source else names.stored)
    ) == "".join(sorted(stored))
    assert "".join(sorted(names.loaded)) == "".join(sorted(loaded))


def test_hidden_statements_do_not_count() -> None:
    tree = ast.parse("a = 1\nif b:\n    c = d\ndef f():\n    return g")

    names = names_in(tree, hidden={(3, 3), (5, 5)})

    assert names.stored == {"a", "f"}
    assert names.loaded == {"b"}
