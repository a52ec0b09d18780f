"""Durations, sizes, shares and times as people read them."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float | None) -> str:
    """Seconds for people.

    >>> duration(4.25), duration(192), duration(7500)
    ('4.2 s', '3 m 12 s', '2 h 05 m')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def size(count: int) -> str:
    """Bytes for people.

    >>> size(512), size(1536), size(3 * 1024**3)
    ('512 B', '1.5 KiB', '3.0 GiB')
    """
    amount, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        del units[0]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def percent(share: float | None) -> str:
    """A share for people; nothing where there is none."""
    return "" if share is None else f"{share:.2%}"


def local_time(text: str) -> str:
    """A time of the catalog as clocks here have it, to the minute."""
    return datetime.fromisoformat(text).astimezone().isoformat(" ", "minutes")[:16]
