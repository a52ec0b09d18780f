"""The names at a prompt: the script's own, and those that only the prompt has."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from florlib.runtime.frames import bind_locals, function_frames
from florlib.runtime.graph.places import ABSENT
from florlib.runtime.project import Project


class Names:
    """What is there to be read and assigned at a prompt.

    The variables of the functions that run there, the innermost first, and the names of the module
    are the script's: what is assigned to one of them is put back behind each statement. All others
    are the prompt's, and stay there when the script goes on.

    Args:
        project: whose functions are the user's.
        own: what the prompt offers, under names that the script does not have.

    Attributes:
        mapping: for code to run in; always the same dictionary.
        patched: what of libraries, classes and functions was set at the prompt.
    """

    def __init__(self, project: Project, own: Mapping[str, Any]) -> None:
        self.mapping: dict[str, Any] = {}
        self.patched: list[str] = []
        self._project = project
        self._own = dict(own)
        self._frame: types.FrameType | None = None
        self._theirs: dict[str, Any] = {}
        self._owners: dict[str, types.FrameType] = {}

    @property
    def hidden(self) -> list[str]:
        """What the prompt offers under names that are the script's."""
        return [name for name in self._own if not self.offers(name)]

    def offers(self, name: str) -> bool:
        """Whether to call a name is to call what the prompt offers under it."""
        value = self.mapping.get(name)
        return name in self._own and (value is self._own[name] or not callable(value))

    def note_patched(self, name: str | None) -> None:
        """Note what is about to be set beside names."""
        if name is not None:
            self.patched.append(name)

    def renew(self, frame: types.FrameType) -> None:
        """Have the names of a frame of the script's."""
        found, owners = dict(frame.f_globals), dict[str, types.FrameType]()
        for part in reversed(function_frames(frame, self._project)):
            found.update(part.f_locals)
            owners.update(dict.fromkeys(part.f_locals, part))
        for name in self._theirs.keys() - found.keys():
            self.mapping.pop(name, None)
        self.mapping.update(found)
        for name, value in self._own.items():
            self.mapping.setdefault(name, value)
        self._frame, self._theirs, self._owners = frame, found, owners

    def put_back(self) -> None:
        """Assign what was assigned to names of the script's, and look at them anew."""
        assert self._frame is not None
        frames: dict[int, tuple[types.FrameType, dict[str, Any]]] = {}
        for name, before in self._theirs.items():
            value = self.mapping.get(name, ABSENT)
            if value is before:
                continue
            owner = self._owners.get(name)
            if owner is not None:
                frames.setdefault(id(owner), (owner, {}))[1][name] = value
            elif value is ABSENT:
                self._frame.f_globals.pop(name, None)
            else:
                self._frame.f_globals[name] = value
        for owner, values in frames.values():
            # A variable of a function cannot be taken away: it is there again.
            wanted = {name: value for name, value in values.items() if value is not ABSENT}
            bind_locals(owner, owner.f_locals, wanted)
        self.renew(self._frame)

    def release(self) -> None:
        """Hold on to nothing of the script's while it goes on, as its objects may end meanwhile."""
        for name in self._theirs:
            self.mapping.pop(name, None)
        self._frame, self._theirs, self._owners = None, {}, {}
