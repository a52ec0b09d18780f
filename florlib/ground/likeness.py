"""How near a replayed value comes to the recorded one.

Log lines often begin with the time, and name the line of code that wrote them, which an added line
above has moved: `2026-11-28 03:06:57,628 INFO train.py:14 loss 0.5`. No two runs say the same there,
so such texts are held against each other without that.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from florlib.ground.closeness import is_close, same_value

Likeness: TypeAlias = 'Literal["identical", "near", "different"]'

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?"
_ZONE = r"(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
_DATE = r"(?:\d{4}([-/.])\d{2}\1\d{2}|\d{2}/\d{2}/\d{2}(?:\d{2})?|\d{2}([-.])\d{2}\2\d{4})"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_TIME = re.compile(
    rf"(?<![\w.])\[?(?:{_DATE}(?:[T _-]+{_CLOCK}{_ZONE})?"
    rf"|\d{{8}}[T_-]\d{{6}}"
    rf"|{_DAY}(?:{_MONTH}\s+\d{{1,2}}|\d{{1,2}}\s+{_MONTH})(?:,?\s+\d{{4}})?\s+{_CLOCK}(?:\s+\d{{4}})?"
    rf"|\d{{1,2}}:\d{{2}}:\d{{2}}(?:[.,]\d+)?)\]?(?![\w:])"
)
_PLACE = re.compile(r"""^(\s*File ".*", line )\d+(?=, in )""")  # of a traceback
_NUMBER = re.compile(r"(\d+)")
# What stands before the number of a line: `train.py:14`, `train.py, line 14`, `fit <module>:14`.
_BEFORE_LINE = re.compile(r"(\.py[\"']?[:(]|\bline(?:no)?[ :=#]+|<module>:)$")


def likeness(
    recorded: Any, replayed: Any, lines: tuple[int, int] = (0, 0), tolerance: float = 0.0
) -> Likeness:
    """Compare two encoded values.

    Args:
        recorded: as `encode_value` gives it.
        replayed: likewise.
        lines: on which they were logged, each in its own version of the file.
        tolerance: largest relative difference of two numbers that still passes.

    >>> likeness("10:00:01 epoch 3", "10:00:07 epoch 3"), likeness("epoch 3", "epoch 4")
    ('identical', 'different')
    >>> likeness("train.py:14 loss 14", "train.py:15 loss 14", (14, 15))
    'identical'
    >>> likeness("train.py:14 loss 14", "train.py:15 loss 15", (14, 15))
    'different'
    """
    if same_value(recorded, replayed):
        return "identical"
    if tolerance and is_close(recorded, replayed, tolerance):
        return "near"
    texts = isinstance(recorded, str) and isinstance(replayed, str)
    return "identical" if texts and _says_the_same(recorded, replayed, lines) else "different"


def _says_the_same(one: str, other: str, lines: tuple[int, int]) -> bool:
    """Whether two texts differ in times, and in the lines that they come from, alone."""
    parts, others = (_NUMBER.split(_timeless(text)) for text in (one, other))
    moved = tuple(map(str, lines))
    return len(parts) == len(others) and all(
        a == b or ((a, b) == moved and _BEFORE_LINE.search(parts[n - 1]) is not None)
        for n, (a, b) in enumerate(zip(parts, others, strict=True))
    )


def _timeless(text: str) -> str:
    """Without times and places of tracebacks; some handlers leave out the time of the line before."""
    return " ".join(_TIME.sub(" ", _PLACE.sub(r"\1", text)).split())
