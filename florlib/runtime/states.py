"""The whole state of training at one moment: taken from the frames, and put back into them."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from florlib.runtime import frames
from florlib.runtime.arena import make_private
from florlib.runtime.concurrent import under_way
from florlib.runtime.graph.building import Builder
from florlib.runtime.graph.captured import Captured
from florlib.runtime.graph.decode import Decoder, RestoreRefused
from florlib.runtime.graph.encode import Encoder
from florlib.runtime.graph.generators import global_states, set_global_states
from florlib.runtime.graph.known import Known
from florlib.runtime.graph.leaves import REFERENCE
from florlib.runtime.graph.memory import NOTHING_STORED, Stored
from florlib.runtime.graph.pairing import Pairing
from florlib.runtime.graph.places import ABSENT, Root
from florlib.runtime.graph.workers import (
    expect,
    expect_none_but,
    expects_reuse,
    loader_state,
    watch_workers,
)
from florlib.runtime.guard import unobserved
from florlib.runtime.handlers import PREFIX, restore_handlers, set_handlers
from florlib.runtime.makes import remade
from florlib.runtime.modes import modes, set_modes
from florlib.runtime.prints import begun_line, set_begun_line
from florlib.runtime.project import Project
from florlib.stores.collecting import uncollected

NOTHING: Mapping[str, Any] = types.MappingProxyType({})
RNG_SCOPE = "rng"
MODE_SCOPE = "mode"
WORKERS_SCOPE = "workers"  # of DataLoaders whose workers live from epoch to epoch
COURSE_SCOPE = "course"  # of what a nested loop goes over, in checkpoints within one
LINE_SCOPE = "line"
STREAM = "stdout"


def capture(
    frame: types.FrameType,
    project: Project,
    stored: Stored = NOTHING_STORED,
    course: Mapping[str, Any] = NOTHING,
    *,
    known: Known | None = None,
    graphs: bool = False,
) -> Captured:
    """Everything that the user's code can reach from a frame, every generator and switch.

    The bytes of tensors and arrays are told by where they lie. Nothing is drawn from a generator and no user object is changed.

    Args:
        frame: the user's, which runs the loop.
        project: whose files and modules are the user's.
        stored: contents that need no copy, because they are on disk already.
        course: what the nested loop goes over, by name, where it is in its middle.
        known: what the capture before has found, and this one leaves for the next.
        graphs: keep tensors of an autograd graph as they are, to be restored in this process.
    """
    kept: dict[int, Any] | None = {} if graphs else None
    under_way_now = frozenset(map(id, course.values()))
    encoder = Encoder(
        project.owns_module, stored, under_way_now, kept, known or Known(), put=project.put
    )
    switches = modes()  # as the script has them: the walk pauses one
    # A collection in the middle of the walk may run finalizers of the script's, and takes its time.
    with unobserved(), uncollected():
        captured = encoder.capture(_roots(frame, project, course, encoder, switches))
        captured.missing.extend([*under_way(project), *remade(project)])
    return captured


def _roots(
    frame: types.FrameType,
    project: Project,
    course: Mapping[str, Any],
    encoder: Encoder,
    switches: Mapping[str, Any],
) -> Iterator[tuple[str, str, Any]]:
    # The generators go first: nothing that the walk does can have moved them.
    for name, state in global_states().items():
        yield RNG_SCOPE, name, state
    for name, value in switches.items():
        yield MODE_SCOPE, name, value
    yield from _of_process(project)
    yield LINE_SCOPE, "print", begun_line()
    yield from frames.roots(frame, project)
    for name, value in course.items():
        yield COURSE_SCOPE, name, value
    for path, value in encoder.loader_states():
        yield WORKERS_SCOPE, path, value  # last: it is told of DataLoaders that were met above


def _of_process(project: Project) -> Iterator[tuple[str, str, Any]]:
    """Signal handlers that were set, and standard output where it is of a class of the user's."""
    for name, handler in set_handlers(project):
        yield MODE_SCOPE, name, handler
    if project.owns_module(type(sys.stdout).__module__):
        yield MODE_SCOPE, STREAM, sys.stdout


@dataclass(frozen=True, slots=True)
class StoredState:
    """A captured state, in memory or on disk.

    Attributes:
        tree: of nodes, as `graph.encode` makes it.
        read: bytes of a block by name.
        graphs: by node, live tensors to take instead of building them, with their autograd graph.
        trusted: whether pickled objects in it may be loaded.
    """

    tree: Mapping[str, Any]
    read: Callable[[str], memoryview]
    graphs: Mapping[int, Any] = field(default_factory=dict)
    trusted: bool = True


def in_memory(captured: Captured) -> StoredState:
    """The captured state itself, for restoring within the same process."""
    arena, blocks = make_private(captured.blocks), captured.blocks

    def read(name: str) -> memoryview:
        assert arena is not None  # what is read lies in it
        return memoryview(blocks[name].view)

    return StoredState(captured.tree, read, captured.graphs)


def restore(
    state: StoredState,
    frame: types.FrameType,
    project: Project,
    *,
    dead: Callable[[Root], bool],
    without: Callable[[Root], bool] = lambda root: False,
    course: Mapping[str, Any] = NOTHING,
    trial: bool = False,
) -> dict[str, Any]:
    """Put a state back into the live objects and names of a frame.

    Args:
        state: what to put back.
        frame: the user's, which runs the loop.
        project: whose files and modules are the user's.
        dead: whether nothing reads a root before it is set again.
        without: whether the state knows nothing of a root and must not touch it.
        course: what the nested loop goes over, by name, where the state is from its middle.
        trial: change nothing, as if the state was refused in any case.

    Returns:
        What the loop goes over now, as far as it could not be restored in place.

    Raises:
        RestoreRefused: something that matters has no counterpart; nothing was changed.
    """
    live = {
        (scope, name): value
        for scope, name, value in frames.roots(frame, project)
        if not without((scope, name))
    }
    if any(root[0] == WORKERS_SCOPE for root in state.tree["roots"]) and not watch_workers():
        raise RestoreRefused("the DataLoader's workers cannot be watched with this torch")
    live |= {(COURSE_SCOPE, name): value for name, value in course.items()}
    live |= {(scope, name): value for scope, name, value in _of_process(project)}
    roots = [root for root in state.tree["roots"] if not without((root[0], root[1]))]
    tree = {"roots": roots, "nodes": state.tree["nodes"]}
    unread = frozenset((scope, name) for scope, name, _ in roots if dead((scope, name)))
    gone = set(_unbound(live, roots)) - frames.borrowed(frame, project)
    for scope, name in gone:
        if scope.startswith(frames.FRAME_SCOPE) and not dead((scope, name)):
            raise RestoreRefused(f"{name} had no value then")
    decoder = Decoder(tree, state.read, state.trusted, state.graphs)
    if trial:
        decoder.prepare(live, unread)
        return {}
    bindings = decoder.restore(live, unread)
    del live
    anew = {
        name: bindings.pop((COURSE_SCOPE, name))
        for name in course
        if (COURSE_SCOPE, name) in bindings
    }
    _expect_workers(bindings, course)
    _apply(bindings, frame, project)
    frames.unbind(gone)
    return anew


def _unbound(live: Iterable[Root], roots: Iterable[Sequence[Any]]) -> list[Root]:
    """The names that are bound now and were not in a state, where it knows of their scope."""
    known = {(scope, name) for scope, name, _ in roots}
    scopes = {scope for scope, _ in known if scope.startswith(frames.NAMED)}
    return [root for root in live if root not in known and root[0] in scopes]


def course_values(state: StoredState) -> dict[str, Any]:
    """What a state from the middle of a loop says of its course in plain values, by name."""
    nodes = state.tree["nodes"]
    builder = Builder(Pairing(nodes, [], trusted=False), state.read)
    return {
        name: builder.value(content, ABSENT)
        for scope, name, content in state.tree["roots"]
        if scope == COURSE_SCOPE and not (isinstance(content, list) and content[0] == REFERENCE)
    }


def _expect_workers(bindings: dict[Root, Any], course: Mapping[str, Any]) -> None:
    """Have DataLoaders go on with the recorded workers; those under way do so already."""
    found = [bindings.pop(root) for root in [*bindings] if root[0] == WORKERS_SCOPE]
    under_way = {id(value) for value in course.values()}
    expect_none_but([loader for loader, _ in found])
    for loader, state in found:
        # Those that are there in that state already (a probe has not touched them) live on.
        live = expects_reuse(loader) and loader_state(loader) == state
        if id(loader) not in under_way and not live:
            expect(loader, state, reused=True)


def restore_generators(state: StoredState) -> None:
    """Put back the generators that belong to the process, and nothing else."""
    roots = [root for root in state.tree["roots"] if root[0] == RNG_SCOPE]
    tree = {"roots": roots, "nodes": state.tree["nodes"]}
    bindings = Decoder(tree, state.read, state.trusted).restore({}, frozenset())
    set_global_states({name: value for (_, name), value in bindings.items()})


def _apply(bindings: dict[Root, Any], frame: types.FrameType, project: Project) -> None:
    states = {name: value for (scope, name), value in bindings.items() if scope == RNG_SCOPE}
    switches = {name: value for (scope, name), value in bindings.items() if scope == MODE_SCOPE}
    names = {
        root: value
        for root, value in bindings.items()
        if root[0] not in (RNG_SCOPE, MODE_SCOPE, LINE_SCOPE) and value is not ABSENT
    }
    frames.bind(frame, project, names)
    sys.stdout = switches.pop(STREAM, sys.stdout)
    if switches:
        handlers = [name for name in switches if name.startswith(PREFIX)]
        restore_handlers({name: switches.pop(name) for name in handlers}, project)
    set_modes(switches)
    if (LINE_SCOPE, "print") in bindings:
        set_begun_line(bindings[LINE_SCOPE, "print"])
    # Last, so that nothing above can have drawn from them.
    set_global_states(states)
