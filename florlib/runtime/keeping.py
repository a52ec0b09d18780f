"""Keeping the checkpoints of a process within so many bytes, while it records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from florlib.ground.layout import RunLayout
from florlib.ground.retention import Loss, Retention, Stored, TurnClock
from florlib.runtime.guard import guarded, os
from florlib.stores.pins import Pins, read_pins

if TYPE_CHECKING:
    from florlib.runtime.session import Session


MOST_FILES = 10_000
"""Of one process: more bring a replay nothing, and would fill folders and memory, however small."""


class Keeping:
    """Drops checkpoints as the limit asks for it; `florlib.ground.retention` says which.

    Args:
        session: whose journal tells what was dropped.
        layout: of the run.
        limit: bytes that its checkpoints may take; None for any number.
    """

    def __init__(self, session: Session, layout: RunLayout, limit: int | None) -> None:
        self._session = session
        self._layout = layout
        ranks = _ranks()
        self._limit = None if limit is None else limit // ranks
        self._clock = TurnClock() if ranks > 1 else None
        self._retention = Retention()
        self._pins = Pins()
        self._pins_stamp: tuple[int, int] | None = None
        self._began_s: float | None = None
        self._boundary = (0, 0, 0.0)  # main loop, iteration, seconds: the last that was told of
        self._told = False

    def moment(self, about: Mapping[str, Any], now: float) -> dict[str, float]:
        """When a checkpoint is about to be taken, and when its iteration began, for its record.

        Where the boundary of the iteration was not worth being looked at, the iterations since the
        last one that was are taken to have been equally long.
        """
        if self._began_s is None:
            self._began_s = now
        at_s = now - self._began_s
        main, index = about["main"], about["index"]
        if about["role"] == "boundary":
            self._boundary = (main, index, at_s)
        known_main, known_index, turn_s = self._boundary
        if main == known_main and index > known_index:
            turn_s = at_s - (at_s - turn_s) / (index - known_index + 1)
        return {"at_s": at_s, "turn_s": turn_s}

    def published(self, record: Mapping[str, Any], size: int, others: Iterable[str]) -> None:
        """A checkpoint is on disk; on the writer's thread, in the order they were taken.

        Args:
            record: of the checkpoint.
            size: of its file.
            others: files beside it that hold some of its contents.
        """
        if self._limit is None:
            return
        with guarded("drop checkpoints"):
            stored = stored_of(record, size, others)
            if self._clock is not None:
                stored = self._clock.tell(stored, record.get("step"))
            self._retention.add(stored)
            while self._retention.bytes > self._limit or len(self._retention) > MOST_FILES:
                self._read_pins()
                loss = None if self._pins.whole else self._retention.cheapest()
                if loss is None:
                    self._tell_over()
                    return
                self._drop(loss)

    def _drop(self, loss: Loss) -> None:
        self._retention.drop(loss)
        # The journal first: a file that is gone without a word there counts as lost. One that is
        # there in spite of it is in nobody's way, and `flor store sweep` removes it.
        for one in loss.dropped:
            self._session.append({"kind": "dropped", "file": one.file})
        self._session.flush()
        for one in loss.dropped:
            with suppress(FileNotFoundError):
                os.unlink(self._layout.folder / one.file)

    def _read_pins(self) -> None:
        """Look whether somebody has pinned something meanwhile."""
        try:
            found = os.stat(self._layout.pins_file)
            stamp = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp != self._pins_stamp:
            self._pins = read_pins(self._layout.pins_file)
            self._retention.pinned = self._pins.files
            self._pins_stamp = stamp

    def _tell_over(self) -> None:
        if not self._told:
            self._told = True
            text = (
                f"the checkpoints that have to stay take {self._retention.bytes} bytes, and"
                f" {self._limit} were allowed"
            )
            self._session.warn("over-limit", text)


def stored_of(record: Mapping[str, Any], size: int, others: Iterable[str] = ()) -> Stored:
    """What retention has to know of a checkpoint's record."""
    folder = record["file"].rpartition("/")[0]
    return Stored(
        record["file"],
        record["role"],
        record["main"],
        record["index"],
        record["at_s"],
        record["turn_s"],
        size,
        frozenset(f"{folder}/{name}" for name in others),
    )


def _ranks() -> int:
    """How many processes of a distributed run share its limit."""
    count = os.environ.get("WORLD_SIZE", "1")
    return max(1, int(count)) if count.isdigit() else 1
