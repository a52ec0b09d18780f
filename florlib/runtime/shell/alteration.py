"""Whether the state of training is still the one that a prompt was opened on."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from florlib.ground.checkpoint_format import digest
from florlib.ground.graph import compare_trees
from florlib.runtime import states
from florlib.runtime.project import Project


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that training can reach, without the bytes of it.

    Attributes:
        tree: of the captured values.
        digests: of the blocks of memory, by name.
    """

    tree: Mapping[str, Any]
    digests: Mapping[str, str]

    @classmethod
    def of(cls, frame: types.FrameType, project: Project) -> Fingerprint:
        """That of the present state."""
        captured = states.capture(frame, project)
        digests = {name: digest(block.view) for name, block in captured.blocks.items()}
        return cls(captured.tree, digests)

    def other_in(self, later: Fingerprint) -> list[str]:
        """What is otherwise in a later state, by the names that lead there."""
        comparison = compare_trees(
            self.tree,
            later.tree,
            (self.digests, later.digests),
            ignored=lambda root: root[0] == states.LINE_SCOPE,
        )
        return list(dict.fromkeys(part.item for part in comparison.differences))
