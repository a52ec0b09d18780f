"""Which names nothing reads before they are set again, seen from a loop that is running."""

from __future__ import annotations

import types
from collections.abc import Callable

from florlib.runtime import frames
from florlib.runtime.graph.places import Root
from florlib.runtime.project import Project
from florlib.runtime.session import Entry
from florlib.runtime.sources import Sources


def unread_roots(
    sources: Sources, project: Project, entry: Entry, frame: types.FrameType, *, after: bool
) -> Callable[[Root], bool]:
    """Whether a root's value is dead at a loop's head, or after the loop.

    Only names of the very scope that holds the loop can be shown dead; all others count as read.
    """
    if entry.path is None or entry.site is None:
        return lambda root: False
    live = sources.live_names(entry.path, entry.site.ordinal, after=after)
    if frame.f_code.co_name == "<module>":
        own = frames.MODULE_SCOPE + str(frame.f_globals.get("__name__"))
    else:
        own = frames.scopes(frame, project)[0][0]
    return lambda root: root[0] == own and live is not None and root[1] not in live
