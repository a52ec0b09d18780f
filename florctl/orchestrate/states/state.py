"""Looking into a run's checkpoints: which one stands at a position, and what it holds."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.logged import NameNotFound
from florctl.orchestrate.answers.lookup import checkpoints_of
from florctl.orchestrate.keeping.bringing import Fetching, bring_back
from florctl.orchestrate.states.state_leaves import item_bytes
from florctl.orchestrate.states.state_tree import SPARSE_PARTS, PartNotFound, StateTree
from florlib.ground.errors import CheckpointDamaged, CheckpointMissing, SpoolDamaged, UsageError
from florlib.ground.layout import RunLayout
from florlib.ground.meant import meant
from florlib.ground.position import Position, describe, position_words
from florlib.stores.catalog.rows import CheckpointRow, RunRow
from florlib.stores.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What one checkpoint of a run holds.

    Attributes:
        run: the run.
        row: the checkpoint.
        checkpoint: its file.
        tree: of what it holds.
    """

    run: RunRow
    row: CheckpointRow
    checkpoint: Checkpoint
    tree: StateTree
    _rows: Sequence[CheckpointRow] = field(repr=False)

    def find(self, name: str) -> Any:
        """What stands under a name.

        Raises:
            NameNotFound: nothing does.
        """
        try:
            return self.tree.find(name)
        except PartNotFound as missing:
            at = position_words(self.row.position)
            near = meant(str(missing), missing.known, most=3)
            said = f"; it has {', '.join(near)}" if near else ""
            words = ["flor", "state", self.run.run, "--at", at, *near[:1]]
            raise NameNotFound(
                f"the state of {self.run.name}@{self.run.ordinal} at {describe(self.row.position)} "
                f"holds no {missing}{said}",
                hint=shlex.join(words),
            ) from None

    def bytes_of(self, content: Any) -> int:
        """Bytes of the elements that a tensor or array shows."""
        node = self.tree.node(content)
        if node is None:
            return 0
        if "t" in node:
            return self.checkpoint.entry(node["t"]).bytes
        if "values" in node:
            return sum(self.bytes_of(node[part]) for part in SPARSE_PARTS if part in node)
        if "storage" not in node and "owner" not in node:
            return 0
        return int(math.prod(node["shape"])) * item_bytes(node["dtype"])

    def reading(self) -> AbstractContextManager[None]:
        """Have errors about the file lead to the nearest checkpoint that is there."""
        return _hinting(self.run, self._rows, self.row, self.checkpoint.path)


def state_at(run: RunRow, home: Path, wanted: Position | None, fetching: Fetching) -> RecordedState:
    """The state of a run at a position; that of its last checkpoint where none is given.

    Args:
        run: whose state is asked for.
        home: FLOR_HOME.
        wanted: the position.
        fetching: is told of a checkpoint that comes back from a spool first.

    Raises:
        UsageError: the words fit several positions.
        CheckpointMissing: there is none at that very position, or its file is gone.
        CheckpointDamaged, FormatTooNew: see `Checkpoint.open`.
        SpoolDamaged: it was spooled, and no spool gives it any more.
    """
    rows = checkpoints_of(run, home)
    if not rows:
        raise CheckpointMissing(
            f"{run.name}@{run.ordinal} has no checkpoints", hint=f"flor log show {run.run}"
        )
    row = rows[-1] if wanted is None else checkpoint_at(run, rows, wanted)
    layout = RunLayout(home / run.folder)
    path = layout.folder / row.file
    for problem in bring_back(layout, [row.file], fetching):
        raise SpoolDamaged(problem, hint=f"flor spool status {run.run}")
    with _hinting(run, rows, row, path):
        checkpoint = Checkpoint.open(path)
    return RecordedState(run, row, checkpoint, StateTree(checkpoint.tree, checkpoint.read), rows)


def checkpoint_at(run: RunRow, rows: Sequence[CheckpointRow], wanted: Position) -> CheckpointRow:
    """The checkpoint at a position.

    It holds the state before the iteration with that index begins; an index of as many iterations
    as the loop has stands for its end. Loops around may be left out where that leaves no doubt.

    Raises:
        UsageError: several positions end like this, or there is no such loop.
        CheckpointMissing: there is none at that very position; the hint leads to the nearest.
    """
    found = [row for row in rows if row.position == wanted]
    found = found or [row for row in rows if row.position[-len(wanted) :] == wanted]
    positions = list(dict.fromkeys(row.position for row in found))
    if len(positions) > 1:
        words = [position_words(position) for position in positions]
        raise UsageError(
            f"{position_words(wanted)} may be any of {len(words)} positions: {', '.join(words[:5])}",
            hint=f"flor state {run.run} --at {words[0]}",
        )
    if found:
        return found[0]
    loops = list(dict.fromkeys(loop for row in rows for loop, _ in row.position))
    unknown = [loop for loop, _ in wanted if loop not in loops]
    if unknown:
        raise UsageError(
            f"no checkpoint of {run.name}@{run.ordinal} is in a loop {unknown[0]}; "
            f"there are {', '.join(loops)}",
            hint=f"flor state {run.run} --at {position_words(rows[0].position)}",
        )
    near = nearest(rows, wanted)
    told = " and ".join(describe(position) for position in near)
    raise CheckpointMissing(
        f"{run.name}@{run.ordinal} has no checkpoint at {describe(wanted)}; the nearest: {told}",
        hint=f"flor state {run.run} --at {position_words(near[0])}",
    )


def nearest(rows: Sequence[CheckpointRow], wanted: Position) -> list[Position]:
    """The positions of the last checkpoint before one, and of the first behind it.

    Where some are in the same outermost loop, those of other loops do not count.
    """
    alike = [row for row in rows if row.position[0][0] == wanted[0][0]]
    positions = sorted({row.position for row in alike or rows}, key=_order)
    before = [position for position in positions if _order(position) < _order(wanted)]
    behind = [position for position in positions if _order(position) > _order(wanted)]
    return before[-1:] + behind[:1]


@contextmanager
def _hinting(
    run: RunRow, rows: Sequence[CheckpointRow], row: CheckpointRow, path: Path
) -> Iterator[None]:
    try:
        yield
    except (CheckpointDamaged, CheckpointMissing) as error:
        folder = path.parents[len(Path(row.file).parts) - 1]
        others = [one for one in rows if one.file != row.file and (folder / one.file).exists()]
        near = nearest(others, row.position) if others else []
        error.hint = f"flor state {run.run}"
        if near:
            error.hint += f" --at {position_words(near[0])}"
        raise


def _order(position: Position) -> tuple[int, ...]:
    return tuple(index for _, index in position)
