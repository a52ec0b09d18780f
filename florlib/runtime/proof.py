"""Which memory has stayed the same for so long that it is hashed behind training's back.

Data that a loop only reads is hashed at a checkpoint and not copied. Yet a pass over gigabytes holds
training up, too. A tensor that was found unchanged at several checkpoints, and that torch counts no
change of, is left out with a glance at a few places of it; the writer hashes it afterwards, while
training goes on, and the checkpoint is published only if it still holds what it held. One that does
not is never trusted again. The glance is for what changes for a moment alone, unseen by torch, and is
back before the writer looks: averaged weights that are swapped in to evaluate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from xxhash import xxh3_128

from florlib.runtime.graph.memory import Block, Key, Origin
from florlib.runtime.guard import os

ENOUGH = 2  # checkpoints at which memory was hashed, and was as before
_PIECE = 1 << 20


class ChangedMeanwhile(Exception):
    """Memory that was left out of a checkpoint does not hold what it held."""


class Proof:
    """What is known of the large pieces of memory that checkpoints share.

    Args:
        digest_at: hash of the memory at (address, bytes); None where it cannot be read.
    """

    def __init__(self, digest_at: Callable[[int, int], str | None]) -> None:
        self._digest_at = digest_at
        # What is known of it, and at how many checkpoints it was so.
        self._found: dict[Origin, tuple[tuple[Key, int, int], int]] = {}
        self._refuted: set[Origin] = set()

    @property
    def proven(self) -> dict[Origin, tuple[Key, int, int]]:
        """(content, version, glance) of what may be left out unseen."""
        return {origin: known for origin, (known, times) in self._found.items() if times >= ENOUGH}

    def check(self, blocks: Iterable[Block]) -> None:
        """Look at what was left out unseen.

        Raises:
            ChangedMeanwhile: at least one is not what it was.
        """
        changed = [
            block.origin
            for block in blocks
            if block.is_unseen and block.origin and self._digest_at(*block.origin) != _digest(block)
        ]
        for origin in changed:
            self._found.pop(origin, None)
            self._refuted.add(origin)
        if changed:
            raise ChangedMeanwhile(f"{len(changed)} pieces of memory have changed")

    def note(self, blocks: Iterable[Block]) -> None:
        """A checkpoint was published; these were not written, as they are stored already."""
        found = {}
        for block in blocks:
            origin, key = block.origin, block.held
            version, glanced = block.version, block.glanced
            if origin is None or key is None or version is None or glanced is None:
                continue
            if origin not in self._refuted:
                now = (key, version, glanced)
                known, times = self._found.get(origin, (now, 0))
                found[origin] = (now, times + 1 if known == now else 1)
        self._found = found


def _digest(block: Block) -> str:
    return block.held[0] if block.held is not None else ""


def digest_at(address: int, length: int) -> str | None:
    """Hash memory of this process that may have been given back: then there is no answer.

    It is read through the system, which says so where reading it directly would end the process.
    """
    hashed = xxh3_128()
    room = bytearray(min(_PIECE, length))
    with suppress(OSError):
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            for at in range(0, length, _PIECE):
                piece = memoryview(room)[: min(_PIECE, length - at)]
                if os.preadv(memory, [piece], address + at) != len(piece):
                    return None
                hashed.update(piece)
        finally:
            os.close(memory)
        return hashed.hexdigest()
    return None
