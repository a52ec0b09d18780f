"""What training scripts are composed of: alternatives for each role, as text for the slots of one frame.

The frame (render.py) has names that parts agree on: `inputs` float32[24, 6] and `targets` float32[24, 2];
`net` maps a batch `xb` to [n, 2]; `opt`, `sched`, `epoch`, `loss`. A slot's text is flat, at indentation 0.
The first alternative of a role is the plainest, which shrinking goes back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Part:
    """An alternative for a role.

    Attributes:
        slots: text by the name of the slot that it goes to.
        weight: how often it is drawn, relative to the others of its role.
        words: short texts for places inside a line, `{name}` in other slots.
    """

    slots: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0
    words: Mapping[str, str] = field(default_factory=dict)


def part(weight: float = 1.0, words: Mapping[str, str] | None = None, **slots: str) -> Part:
    """A part with its texts."""
    return Part({name: text.strip("\n") for name, text in slots.items()}, weight, words or {})
