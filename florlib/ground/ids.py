"""Ids of runs and replays: sorted by time, unique without a coordinator."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

_SECOND = "%Y%m%d-%H%M%S"
_ID = re.compile(r"\d{8}-\d{6}-.+")


def run_id(now: datetime, token: str) -> str:
    """Name a run or a replay by its second and a random token.

    >>> run_id(datetime(2026, 11, 23, 22, 10), "ab12cd")
    '20261123-221000-ab12cd'
    """
    return f"{now:{_SECOND}}-{token}"


def id_behind(now: datetime, token: str, others: Iterable[str]) -> str:
    """An id that sorts behind all others, ahead of its time where it has to.

    Args:
        now: the present.
        token: of the id.
        others: ids; names that are none do not count.

    >>> id_behind(datetime(2026, 11, 23, 22, 10), "ab12cd", ["20261123-221000-f00000", "notes"])
    '20261123-221001-ab12cd'
    """
    made = run_id(now, token)
    last = max(filter(_ID.fullmatch, others), default="")
    if made > last:
        return made
    return run_id(datetime.strptime(last[:15], _SECOND) + timedelta(seconds=1), token)  # noqa: DTZ007  # ids have no zone
