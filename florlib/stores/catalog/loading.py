"""Records of journals as orjson reads them, in half of the time that Python's own decoder takes.

What it does not read as that one does is left to it: integers that need more than 64 bits become floats,
and texts that are no UTF-8 are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import orjson

from florlib.ground import journal_format
from florlib.ground.journal_format import Record
from florlib.stores.catalog.positions import Positions

_LOG = b'{"kind":"log",'
_BEGIN, _POSITIONS, _SITES, _END = b'{"kind":"log","rows":', b',"positions":', b',"sites":', b"}"
"""What stands around the parts of a record of values, as the recorder writes it."""

_PLACED = tuple(b'{"kind":"%b",' % kind for kind in (b"enter", b"exit", b"skip", b"iteration"))
"""How records begin that hold nothing of the user's but names."""

_PLAIN = {bool, float, int, str, type(None)}
_MOST = float(1 << 63)
_value = itemgetter(2)


def load(body: bytes) -> Record:
    """The record in the payload of a frame, as `journal_format.load` has it, but for its `Positions`.

    >>> record = load(b'{"kind":"log","rows":[[0,"x",0.5,0,0]],"positions":[[]],"sites":[["a.py",1]]}')
    >>> record["rows"], record["positions"].position(0)
    ([[0, 'x', 0.5, 0, 0]], [])
    """
    if body.startswith(_LOG):
        return _divided(body) or _whole(body)
    if body.startswith(_PLACED):
        try:
            record: Record = orjson.loads(body)
            return record
        except orjson.JSONDecodeError:
            pass
    return journal_format.load(body)


def _divided(body: bytes) -> Record | None:
    """The record of values in a payload, part by part; None where that cannot be done."""
    # Behind the rows only names are the user's, in which a quote is written in another way.
    positions, sites = body.rfind(_POSITIONS), body.rfind(_SITES)
    try:
        rows = orjson.loads(body[len(_BEGIN) : positions])
        if not body.startswith(_BEGIN) or not _is_plain(rows):
            return None
        return {
            "kind": "log",
            "rows": rows,
            "positions": Positions.of_text(
                body[positions + len(_POSITIONS) : sites].decode("ascii")
            ),
            "sites": orjson.loads(body[sites + len(_SITES) : -len(_END)]),
        }
    except ValueError:  # of either decoder, and where positions cannot be divided
        return None


def _whole(body: bytes) -> Record:
    record = journal_format.load(body)
    record["positions"] = Positions.of(record["positions"])
    return record


def _is_plain(rows: list[list[Any]]) -> bool:
    """Whether no logged value holds what may have been a large integer."""
    values: Sequence[Any] = [*map(_value, rows)]
    kinds = set(map(type, values))
    if not kinds <= _PLAIN:
        return False
    if float not in kinds:
        return True
    if len(kinds) > 1:
        values = [value for value in values if type(value) is float]
    return bool(-_MOST < min(values) and max(values) < _MOST)  # JSON has no NaN
