"""A law of carrying over: what is placed stands where a hand would have put it, with the same names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from florlib.hindsight.propagation import propagate, questions

HEADS = (
    "for {new} in data(K1):",
    "if {old} > K2:",
    "with scope({old}):",
    "while more({old}, K3):",
)
LINES = (
    "{new} = first({old})",
    "{new} = first({old}, K1)",
    "{new} = second({old}, {other})",
    "use({old})",
    "use({old}, {other}, size=K2)",
    "{old}.step()",
)
WORD = re.compile(r"\b[nK]\d+\b")


@dataclass
class Script:
    """A script being written.

    Attributes:
        lines: of the text; names are n0, n1 and so on, constants K1 to K3.
        places: in front of each line and at the ends of blocks: number, indentation, names set there.
    """

    lines: list[str] = field(default_factory=lambda: ["import torch", "n0 = start(K1)"])
    places: list[tuple[int, str, list[str]]] = field(default_factory=list)
    count: int = 1


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Scripts of few different words, so that many of their statements are alike."""
    script = Script()
    _block(draw, script, "", ["n0"], 2)
    return script


def _block(draw: st.DrawFn, script: Script, indentation: str, names: list[str], depth: int) -> None:
    names = list(names)
    for _ in range(draw(st.integers(2, 5))):
        script.places.append((len(script.lines), indentation, list(names)))
        is_head = depth > 0 and draw(st.booleans())
        pattern = draw(st.sampled_from(HEADS if is_head else LINES))
        words = {word: draw(st.sampled_from(names)) for word in ("old", "other")}
        if "{new}" in pattern:
            words["new"] = f"n{script.count}"
            script.count += 1
        script.lines.append(indentation + pattern.format(**words))
        if is_head:
            inner = [*names, words["new"]] if "new" in words else names
            _block(draw, script, indentation + "    ", inner, depth - 1)
        elif "new" in words:
            names.append(words["new"])
    script.places.append((len(script.lines), indentation, list(names)))


def written(lines: list[str], words: dict[str, str]) -> str:
    """A text with other words for names and constants."""
    return "".join(
        WORD.sub(lambda found: words.get(found[0], found[0]), f"{line}\n") for line in lines
    )


def inserted(lines: list[str], extra: list[tuple[int, str]]) -> list[str]:
    """Lines with others in front of those with these numbers."""
    found = list(lines)
    for at, line in sorted(extra, reverse=True):
        found.insert(at, line)
    return found


@given(scripts(), st.data())
def test_what_is_placed_stands_where_it_was_put_with_the_names_that_it_has(
    script: Script, data: st.DataObject
) -> None:
    spots = data.draw(
        st.lists(st.sampled_from(script.places), min_size=1, max_size=3, unique_by=lambda s: s[0])
    )
    probes = [
        (at, f'{indentation}print("p{at}", {data.draw(st.sampled_from(names))})')
        for at, indentation, names in spots
    ]
    free = [place for place in script.places if all(abs(place[0] - at) > 1 for at, _, _ in spots)]
    others = [
        (at, f"{indentation}m{at} = first(K1)")
        for at, indentation, _ in (
            data.draw(st.lists(st.sampled_from(free), max_size=3, unique_by=lambda s: s[0]))
            if free
            else ()
        )
    ]
    renamed = data.draw(st.sets(st.integers(0, script.count)))
    now = {f"K{n}": str(n) for n in (1, 2, 3)}
    then = {f"K{n}": str(data.draw(st.integers(4, 9))) for n in (1, 2, 3)}
    then |= {f"n{n}": f"value{n}" for n in renamed}
    recent, present = written(script.lines, now), written(inserted(script.lines, probes), now)
    earlier = written(inserted(script.lines, others), then)

    asked = questions({"train.py": recent}, {"train.py": present})
    found = propagate(asked, {"train.py": recent}, {"train.py": earlier})

    lines = present.splitlines()
    refused = {lines[one.line - 1] for one in found.refused}
    kept = [(at, line) for at, line in probes if line not in refused]
    by_hand = written(inserted(script.lines, [*others, *kept]), then)
    assert found.texts.get("train.py", earlier) == by_hand
