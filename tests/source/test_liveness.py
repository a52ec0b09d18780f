"""Which names may be read from a loop's head on, or behind it, before they are set again."""

from __future__ import annotations

import ast
import textwrap

import pytest

from florlib.source.liveness import live_names


def live(source: str, ordinal: int = 0, *, after: bool = False) -> set[str] | None:
    names = live_names(ast.parse(textwrap.dedent(source)), ordinal, after=after)
    return None if names is None else set(names)


# Each program has `for i in r:` as its first loop; letters tell what is live at its head, then
# what is live behind it. Called functions are left out of both.
PROGRAMS = {
    "read": ("for i in r:\n    a", "a", ""),
    "set before it is read": ("for i in r:\n    a = i\n    a", "", ""),
    "read before it is set": ("for i in r:\n    b = a\n    a = i", "a", ""),
    "carried": ("for i in r:\n    a += i", "a", ""),
    "read behind": ("for i in r:\n    a = i\na", "a", "a"),
    "set behind": ("for i in r:\n    a = i\na = 1\na", "", ""),
    "target read behind": ("for i in r:\n    pass\ni", "i", "i"),
    "one branch sets": ("for i in r:\n    if c:\n        a = 1\n    a", "ac", ""),
    "both branches set": ("for i in r:\n    if c:\n        a = 1\n    else:\n        a = 2\n    a", "c", ""),
    "attribute": ("for i in r:\n    a.x = i", "a", ""),
    "item": ("for i in r:\n    a[i] = b", "ab", ""),
    "unpacked": ("for i in r:\n    a, (b, *c) = i\n    a, b, c", "", ""),
    "item among targets": ("for i in r:\n    a, b[c] = i\n    a", "bc", ""),
    "annotated": ("for i in r:\n    a: b = i\n    a", "b", ""),
    "only annotated": ("for i in r:\n    a: b\n    a", "ab", ""),
    "deleted": ("for i in r:\n    a = i\n    del a", "", ""),
    "walrus": ("for i in r:\n    (a := i)\n    a", "a", ""),
    "with": ("for i in r:\n    with c as a:\n        a", "c", ""),
    "with that may swallow errors": ("for i in r:\n    with c:\n        a = i\n    a", "ac", ""),
    "with that swallows none": ("for i in r:\n    with t.no_grad():\n        a = i\n    a", "t", ""),
    "with item": ("for i in r:\n    with c as a.x:\n        pass", "ac", ""),
    "break": ("for i in r:\n    if c:\n        break\n    a = i\nb", "bc", "b"),
    "read behind a break": ("for i in r:\n    a = i\n    if a:\n        break\na", "a", "a"),
    "continue": ("for i in r:\n    if i:\n        continue\n    a", "a", ""),
    "else": ("for i in r:\n    pass\nelse:\n    a", "a", ""),
    "else that sets": ("for i in r:\n    pass\nelse:\n    a = 1\na", "", "a"),
    "else and break": ("for i in r:\n    if c:\n        break\nelse:\n    a = 1\na", "ac", "a"),
    "try": ("for i in r:\n    try:\n        a = i\n    except E:\n        pass\n    a", "aE", ""),
    "try that sets both": (
        "for i in r:\n    try:\n        a = i\n    except E as e:\n        a = 0\n    b",
        "Eb",
        "",
    ),
    "finally": ("for i in r:\n    try:\n        a = i\n    finally:\n        b = a", "a", ""),
    "try else": ("for i in r:\n    try:\n        a\n    except E:\n        b\n    else:\n        c", "abcE", ""),
    "raise": ("for i in r:\n    raise a\nb", "ab", "b"),
    "nested": ("for i in r:\n    for j in a:\n        b = j\n    b", "ab", ""),
    "nested that carries": ("for i in r:\n    c = 0\n    for j in a:\n        c += j\n    c", "a", ""),
    "while": ("for i in r:\n    while a:\n        a = i", "a", ""),
    "import": ("for i in r:\n    import a.b, c as d\n    a, d", "", ""),
    "from": ("for i in r:\n    from a import b\n    b", "", ""),
    "class": ("for i in r:\n    class A:\n        x = b\n    A", "b", "b"),
    "def": ("for i in r:\n    def f(x=a):\n        return b\n    f", "ab", "ab"),
    "lambda": ("for i in r:\n    f = lambda: a", "a", "a"),
    "comprehension": ("for i in r:\n    [x + a for x in b]", "abx", ""),
    "string": ("for i in r:\n    f'{a!r:{b}}'", "ab", ""),
    "match": ("for i in r:\n    match a:\n        case [x] if b:\n            x\n        case C():\n            c", "abcCx", ""),
    "augmented item": ("for i in r:\n    a[b] += 1", "ab", ""),
    "global in a function": ("def f():\n    global a\n    a = 1\nfor i in r:\n    a = i\na = 2", "a", "a"),
    "read in a function": ("def f():\n    return a\nfor i in r:\n    a = i\na = 2", "a", "a"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "head", "behind"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs(source: str, head: str, behind: str) -> None:
    assert live(source) == set(head)
    assert live(source, after=True) == set(behind)


def test_a_while_loop_reads_its_test() -> None:
    source = "while a < n:\n    a += 1\nb"

    assert live(source) == {"a", "n", "b"}
    assert live(source, after=True) == {"b"}


def test_a_loop_in_a_function_sees_the_function_alone() -> None:
    source = """
    total = 0
    def train(n):
        for i in range(n):
            loss = i
        return loss
    print(total)
    """

    assert live(source) == {"loss"}
    assert live(source, after=True) == {"loss"}


def test_a_return_reads_what_it_returns() -> None:
    source = """
    def train():
        for i in r:
            try:
                if i:
                    return a
            finally:
                b
        return c
    """

    assert live(source) == {"a", "b", "c"}


@pytest.mark.parametrize("before", ["", "b = 1\n    "])
def test_what_a_handler_around_the_loop_reads(before: str) -> None:
    source = f"""
try:
    {before}for i in r:
        a = i
except E:
    b
"""

    assert live(source) == {"b", "E"}


def test_names_of_an_outer_function_that_an_inner_one_reads() -> None:
    source = """
    def outer():
        for i in r:
            a = i
            b = i
        def inner():
            return a
        return inner
    """

    assert live(source) == {"a"}


def test_the_second_loop_is_asked_for_by_its_number() -> None:
    source = "for i in r:\n    for j in s:\n        a = j\n    a\nb"

    assert live(source, 1) == {"a", "b", "s"}
    assert live(source, 1, after=True) == {"a", "b", "s"}


@pytest.mark.parametrize("call", ["locals()", "globals()", "vars()", "eval('a')", "exec('a')"])
def test_code_that_looks_names_up_by_text_makes_every_name_live(call: str) -> None:
    assert live(f"for i in r:\n    {call}") is None


@pytest.mark.parametrize("ordinal", [-1, 1])
def test_a_loop_that_is_not_there(ordinal: int) -> None:
    assert live("for i in r:\n    pass", ordinal) is None


def test_a_loop_in_a_class_body() -> None:
    assert live("class A:\n    for i in r:\n        a = i") is None


def test_a_loop_in_a_coroutine() -> None:
    source = """
    async def train():
        for i in r:
            async with c as d:
                a = d
        return a
    """

    assert live(source) == {"a", "c"}


def test_statements_that_nothing_reaches_do_not_matter() -> None:
    assert live("for i in r:\n    continue\n    a") == set()
