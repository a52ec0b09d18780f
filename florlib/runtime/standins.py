"""Temporary files and folders of a process that stand for those of the recorded one."""

from __future__ import annotations

from florlib.ground.position import Position
from florlib.ground.recorded import Making, RecordedProcess
from florlib.ground.relocation import Relocation


class TemporaryStandins:
    """Knows by where each is made which of the record's it stands for.

    Args:
        recorded: what the process did when it was recorded.

    Attributes:
        relocation: where this process has the temporary paths of the record.
    """

    def __init__(self, recorded: RecordedProcess) -> None:
        self._recorded = recorded
        self._made: dict[Making, int] = {}
        self.relocation = Relocation()

    def made(self, position: Position, paths: list[str], file: str, function: str) -> None:
        """One is about to be made.

        Args:
            position: where the process is.
            paths: ways to write its path, the absolute one first.
            file: relative to the project.
            function: that makes it.
        """
        making = position, file, function
        number = self._made.get(making, 0)
        self._made[making] = number + 1
        recorded = self._recorded.temporary.get(making, [])
        if number < len(recorded):
            for there, here in zip(recorded[number], paths, strict=False):
                self.relocation = self.relocation.ahead(there, here)
