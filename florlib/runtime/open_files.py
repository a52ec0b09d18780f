"""Which of the files that were written to a process still has open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from florlib.runtime.guard import os

_DESCRIPTORS = "/proc/self/fd"


class OpenFiles:
    """Asked at each end of a loop, whereas files are opened now and then.

    To go through all descriptors takes a call of the system for each. So while none is opened,
    only those are looked at that were found; where these are what they were, there are no others.
    """

    def __init__(self) -> None:
        self._found: dict[str, str] = {}  # path, by the link that leads there
        self._paths: frozenset[str] = frozenset()
        self._opened = -1  # when all were looked at last
        self._is_sure = False

    def now(self, opened: int, concerns: Callable[[str], bool]) -> frozenset[str] | None:
        """The paths of those that are open; None where the system does not tell.

        Args:
            opened: how many files were opened so far.
            concerns: whether the file of a path, symbolic links resolved, is asked about.
        """
        # What was opened is told before it is: a second look finds what another thread had not yet.
        known = opened == self._opened
        if not (known and self._is_sure and all(map(self._stands, self._found.items()))):
            found = _open(concerns)
            if found is None:
                return None
            self._found, self._paths = found, frozenset(found.values())
            self._opened, self._is_sure = opened, known
        return self._paths

    def _stands(self, found: tuple[str, str]) -> bool:
        link, path = found
        return _target(link) == path


def _open(concerns: Callable[[str], bool]) -> dict[str, str] | None:
    try:
        numbers = os.listdir(_DESCRIPTORS)
    except OSError:  # not Linux
        return None
    links = (f"{_DESCRIPTORS}/{number}" for number in numbers)
    targets = ((link, _target(link)) for link in links)
    return {link: path for link, path in targets if path is not None and concerns(path)}


def _target(link: str) -> str | None:
    with contextlib.suppress(OSError):
        return str(os.readlink(link))
    return None
