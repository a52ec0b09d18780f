"""Ids of runs and replays: sorted by time, unique without a coordinator."""

from __future__ import annotations

from datetime import datetime


def run_id(now: datetime, token: str) -> str:
    """Name a run or a replay by its second and a random token.

    >>> run_id(datetime(2026, 11, 23, 22, 10), "ab12cd")
    '20261123-221000-ab12cd'
    """
    return f"{now:%Y%m%d-%H%M%S}-{token}"
