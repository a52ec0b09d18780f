"""From a captured tree back into the live objects of a process, in place (the way in: encode.py).

Three passes. Pairing finds, for each recorded node, the live object that stands in the same
place. Building makes what has no live counterpart. Filling writes recorded contents into both.
Nothing is changed before the first two have shown that everything can be had.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.errors import FlorError
from florlib.runtime.graph.building import Builder
from florlib.runtime.graph.filling import Filler
from florlib.runtime.graph.pairing import Pairing
from florlib.runtime.graph.places import ABSENT, Root


class RestoreRefused(Exception):
    """A checkpoint cannot be restored into this process; nothing has been changed."""


@dataclass(slots=True)
class Decoder:
    """Restores one captured tree.

    Attributes:
        tree: what `Encoder.capture` made.
        read: gives the bytes of a block by its name.
        trusted: whether pickled leaves may be loaded.
        graphs: by node, live tensors that keep their autograd graph.
    """

    tree: Mapping[str, Any]
    read: Callable[[str], memoryview]
    trusted: bool = True
    graphs: Mapping[int, Any] = field(default_factory=dict)

    def restore(self, live: Mapping[Root, Any], dead: frozenset[Root]) -> dict[Root, Any]:
        """Put everything back; return the names that must be bound anew.

        Args:
            live: the present objects by root.
            dead: roots whose values nothing reads before they are set again.

        Raises:
            RestoreRefused: something that matters has no counterpart; nothing was changed.
        """
        builder = self.prepare(live, dead)
        Filler(builder).fill()
        return self._bindings(builder, live)

    def prepare(self, live: Mapping[Root, Any], dead: frozenset[Root]) -> Builder:
        """Find or make all that is to be filled, and change nothing.

        Raises:
            RestoreRefused: see `restore`.
        """
        pairing = Pairing(self.tree["nodes"], self.tree["roots"], self.trusted, self.graphs)
        pairing.pair(live, dead)
        lost = {root: why for root, why in pairing.lost.items() if root not in dead}
        if lost:
            (_, name), why = next(iter(lost.items()))
            raise RestoreRefused(f"{name}: {why}")
        builder = Builder(pairing, functools.cache(self.read))
        try:
            builder.build()
        except FlorError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise RestoreRefused(f"something cannot be made anew ({reason})") from error
        return builder

    def _bindings(self, builder: Builder, live: Mapping[Root, Any]) -> dict[Root, Any]:
        bindings = {}
        for scope, name, content in self.tree["roots"]:
            if (scope, name) in builder.pairing.lost:
                continue  # nothing reads it before it is set again
            present = live.get((scope, name), ABSENT)
            value = builder.value(content, present)
            if value is not present and value is not ABSENT:
                bindings[scope, name] = value
        return bindings
