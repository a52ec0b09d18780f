"""What came of taking live objects apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime.graph import memory


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that could not be captured.

    Attributes:
        scope, name: the root it was reached from first.
        path: how it is reached, "loader._iterator".
        reason: what it is, in words.
        kind: "workers" for the processes of a DataLoader, else "object".
        place: (file, line) of its source, where that is known better than by the name.
        value: the object itself.
        node: what it is a part of, or its own; -1 for a root itself.
    """

    scope: str
    name: str
    path: str
    reason: str
    kind: str = "object"
    place: tuple[str, int] | None = None
    value: Any = field(default=None, compare=False, repr=False)
    node: int = -1


@dataclass(slots=True)
class Captured:
    """What an Encoder made.

    Attributes:
        tree: {"roots": [[scope, name, value]], "nodes": [...]}, ready for JSON.
        blocks: by name, the memory that nodes refer to.
        missing: what is not in it.
        alive: what has to live as long as blocks are live.
        graphs: by node, the live tensors that are part of an autograd graph, where they were kept.
    """

    tree: dict[str, Any]
    blocks: dict[str, memory.Block]
    missing: list[Missing]
    alive: list[Any] = field(default_factory=list)
    graphs: Mapping[int, Any] = field(default_factory=dict)
