"""Questions that were added to the present code, placed in versions that are older."""

from __future__ import annotations

import pytest

from florlib.hindsight.propagation import Propagated, propagate, questions

RECENT = """\
import torch
net = Net()
opt = SGD(net.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in loader:
        opt.zero_grad()
        loss = crit(net(x), y)
        loss.backward()
        opt.step()
    acc = evaluate(net)
    print(epoch, acc)
"""
PRESENT = RECENT.replace(
    "        opt.step()\n",
    "        print('norm', norm(net))  # of all weights\n        opt.step()\n",
)


def carried(recent: str, present: str, earlier: str) -> Propagated:
    asked = questions({"train.py": recent}, {"train.py": present})
    return propagate(asked, {"train.py": recent}, {"train.py": earlier})


def test_the_text_around_stays_as_it_is() -> None:
    earlier = RECENT.replace("lr=0.1", "lr = 0.3").replace("net", "model") + "# the end"

    found = carried(RECENT, PRESENT, earlier)

    lines = found.texts["train.py"].splitlines()
    assert lines.pop(8) == "        print('norm', norm(model))  # of all weights"
    assert "\n".join(lines) == earlier
    assert [(one.line, one.at, one.exact) for one in found.placed] == [(9, 9, False)]


def test_between_the_same_neighbours_the_place_is_that_of_a_merge() -> None:
    found = carried(RECENT, PRESENT, RECENT.replace("range(10)", "range(20)"))

    assert [one.exact for one in found.placed] == [True]


def test_a_statement_on_either_side_of_which_it_may_belong_is_named() -> None:
    earlier = RECENT.replace("        opt.step()\n", "        clip(net)\n        opt.step()\n")

    found = carried(RECENT, PRESENT, earlier)

    assert not found.texts
    (refused,) = found.refused
    assert (refused.file, refused.line) == ("train.py", 9)
    assert refused.reason == (
        "it may belong before or behind `clip(net)`, which only that version has"
    )


@pytest.mark.parametrize(
    ("line", "earlier", "reason"),
    [
        ("    print(acc)\n", RECENT.replace("    acc = evaluate(net)\n", ""), "has no value"),
        ("    print(net.head)\n", RECENT, ""),
    ],
)
def test_names_must_have_a_value_there(line: str, earlier: str, reason: str) -> None:
    earlier = earlier.replace("    print(epoch, acc)\n", "    print(epoch)\n")

    found = carried(RECENT, RECENT.replace("    print(epoch", line + "    print(epoch"), earlier)

    assert bool(found.refused) == bool(reason)
    assert all(reason in one.reason for one in found.refused)


STEP = "        opt.step()\n"


def test_texts_of_several_lines_stay_as_they_are() -> None:
    added = '        print(f"""norm\\\n  {norm(net)}\n""".strip(\n            " "))\n'
    present = RECENT.replace(STEP, added + STEP)

    found = carried(
        RECENT, present, "def main():\n\t" + RECENT.replace("    ", "\t").replace("\n", "\n\t")
    )

    lines = found.texts["train.py"].splitlines()
    assert lines[9:13] == [
        '\t\t\tprint(f"""norm\\',
        "  {norm(net)}",
        '""".strip(',
        '\t\t\t    " "))',
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_end_as_those_around_them(ending: str) -> None:
    earlier = RECENT.replace("\n", ending)

    found = carried(RECENT, PRESENT, earlier)

    assert found.texts["train.py"] == PRESENT.replace("\n", ending)


def test_lines_are_those_that_python_counts() -> None:
    earlier = "LETTERS = '\x1c \u2028'\n\x0c\n" + RECENT

    found = carried(RECENT, PRESENT, earlier)

    assert found.texts["train.py"] == "LETTERS = '\x1c \u2028'\n\x0c\n" + PRESENT


def test_names_within_text_that_shows_itself_are_renamed_and_the_text_is_not() -> None:
    present = RECENT.replace(STEP, '        print(f"{loss=} {loss.item():.3f}")\n' + STEP)

    found = carried(RECENT, present, RECENT.replace("loss", "err"))

    line = found.texts["train.py"].splitlines()[8]
    assert line == "        print(f'loss={err!r} {err.item():.3f}')"


@pytest.mark.parametrize(
    ("changed", "added", "expected"),
    [
        (("range(10)", "range(99)"), "print(norm(net))", "print(norm(net))"),
        (("crit(net(x), y)", "crit(net(x), y, 3)"), "print(loss)", "print(loss)"),
        (("loss", "err"), "print(err)", "print(loss)"),
        (("import torch\n", "import math\nimport torch\n"), "print(math.pi)", "print(math.pi)"),
    ],
)
def test_what_is_asked_is_told_from_other_changes(
    changed: tuple[str, str], added: str, expected: str
) -> None:
    present = RECENT.replace(*changed).replace(STEP, f"        {added}\n" + STEP)

    found = carried(RECENT, present, RECENT)

    lines = found.texts["train.py"].splitlines()
    assert (lines[lines.index(STEP.rstrip()) - 1], found.refused) == (f"        {expected}", [])


def test_a_changed_line_that_logs_is_no_question() -> None:
    present = RECENT.replace("print(epoch, acc)", "print('epoch', epoch, acc)")

    assert questions({"train.py": RECENT}, {"train.py": present}) == []


@pytest.mark.parametrize("hyper", ["range(10)", "range(20)"])
def test_log_calls_around_values_are_put_into_the_same_statement(hyper: str) -> None:
    present = RECENT.replace("crit(net(x), y)", 'flor.log("loss", crit(net(x), y))')
    present = "import flor\n" + present.replace("range(10)", hyper)

    found = carried(RECENT, present, RECENT)

    log = 'flor.log("loss", crit(net(x), y))'
    assert found.texts["train.py"] == "import flor\n" + RECENT.replace("crit(net(x), y)", log)


@pytest.mark.parametrize(
    ("present", "earlier", "reason"),
    [
        ('a = flor.log("a", f(x))', "a = f(y)", "is another in that version"),
        ('a = 1; b = flor.log("a", f(x))', "a = f(x)", "is on a line of several statements"),
        ('a = flor.log("a", f(x))', "b = 1; a = f(x)", "shares its line with another"),
        ('if flor.log("a", f(x)):\n    g()', "if f(x):\n    g()\n    h()", "head of a block"),
    ],
)
def test_log_calls_around_values_without_a_place(present: str, earlier: str, reason: str) -> None:
    recent = present.replace('flor.log("a", f(x))', "f(x)")

    found = carried(recent, present, earlier)

    assert not found.placed
    assert [reason in one.reason for one in found.refused] == [True]


def test_a_file_of_another_name_is_the_one_that_is_most_like_it() -> None:
    asked = questions({"train.py": RECENT}, {"train.py": PRESENT})

    found = propagate(asked, {"train.py": RECENT}, {"main.py": RECENT, "tools.py": "x = 1\n"})
    nothing = propagate(asked, {"train.py": RECENT}, {"tools.py": "x = 1\n"})

    assert found.texts == {"main.py": PRESENT}
    assert [one.reason for one in nothing.refused] == ["no file of that version is like train.py"]


def test_places_in_a_file_that_two_were_made_of_count_what_stands_above() -> None:
    helper = "def norm(net):\n    total = sum(net)\n    return total\n"
    recent = {"train.py": RECENT, "norms.py": helper}
    present = {
        "train.py": PRESENT,
        "norms.py": helper.replace("    return", "    print(total)\n    return"),
    }

    found = propagate(questions(recent, present), recent, {"train.py": helper + RECENT})

    text = found.texts["train.py"].splitlines()
    assert [text[one.at - 1].strip() for one in found.placed] == [
        "print(total)",
        "print('norm', norm(net))  # of all weights",
    ]
