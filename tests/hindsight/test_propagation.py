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
