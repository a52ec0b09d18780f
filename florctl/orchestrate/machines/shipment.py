"""What a worker needs on a machine that does not see the run's folder, and what has to be there.

The run's folder is sent with what the worker's pieces can need of it: the plan, the journals, the
checkpoints around its iterations, and the sandbox with code and data of the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from florctl.orchestrate.machines.parcels import Item
from florctl.orchestrate.planning.preparation import Prepared
from florctl.orchestrate.planning.sandbox import Sandbox
from florlib.ground.errors import FlorError
from florlib.ground.layout import ReplayLayout, RunLayout
from florlib.ground.pieces import Piece
from florlib.ground.plan import Plan
from florlib.ground.recorded import CheckpointMark, MainMark
from florlib.stores.checkpoints import Checkpoint

LEFT = "left"
"""Folder, below the run's, for files as a main loop of the run left them."""
_TAKEN = "-1"  # what a claim of others leads to


@dataclass(slots=True)
class Contents:
    """What of sandboxes a worker needs.

    Attributes:
        items: to be sent.
        needed: paths outside of the project that links lead to, which have to be there: size of a
            file, None for a folder.
        linked: the same within the project, which have to be there where they are not sent.
    """

    items: list[Item] = field(default_factory=list)
    needed: dict[str, int | None] = field(default_factory=dict)
    linked: dict[str, int | None] = field(default_factory=dict)


def run_items(prepared: Prepared, layout: ReplayLayout, own: Sequence[Piece] | None) -> list[Item]:
    """What is sent of the run and the replay, named relative to the run's folder.

    Args:
        prepared: the replay.
        layout: of it.
        own: pieces that the worker is to do; None for all there is.
    """
    run = prepared.request.layout
    files = [run.run_file, *run.journals(), layout.plan_file]
    files += [run.folder / name for name in sorted(_checkpoints(prepared, own))]
    project = Path(prepared.content["project"])
    return [
        *(Item(os.path.relpath(path, run.folder), str(path)) for path in files),
        *(Item(f"{LEFT}/{path}", str(project / path)) for path in _left(prepared.planned.plan)),
    ]


def claim_items(run: RunLayout, layout: ReplayLayout, others: Sequence[str]) -> list[Item]:
    """Claims on what others are to do."""
    folder = os.path.relpath(layout.claims, run.folder)
    taken = [Item(f"{folder}/{piece}", _TAKEN, is_link=True) for piece in others]
    return [Item(folder, str(layout.claims)), *taken]


def sandbox_contents(sandboxes: Sequence[Sandbox], run: RunLayout, *, sends: bool) -> Contents:
    """What lies in sandboxes; where it is to be sent, with what they link of the user's folders."""
    found = Contents()
    inside = _Walk(sandboxes, Path(os.path.realpath(run.folder)), found, sends)
    for sandbox in sandboxes:
        inside.folder(sandbox.root, os.path.relpath(sandbox.root, inside.run))
    return found


@dataclass(frozen=True, slots=True)
class _Walk:
    sandboxes: Sequence[Sandbox]
    run: Path
    found: Contents
    sends: bool

    @property
    def _ours(self) -> list[Path]:
        """Folders of which a node without them is sent what it needs: the project's, and our home."""
        return [*(one.project for one in self.sandboxes), self.run.parents[1]]

    def folder(self, folder: Path, name: str) -> None:
        self.found.items.append(Item(name, str(folder)))
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                inside, path = f"{name}/{entry.name}", Path(entry.path)
                if entry.name == "__pycache__":
                    continue
                if entry.is_symlink():
                    self._link(path, inside)
                elif entry.is_dir():
                    self.folder(path, inside)
                elif entry.is_file():
                    self.found.items.append(Item(inside, str(path)))

    def _link(self, path: Path, name: str) -> None:
        target = Path(os.path.realpath(path))
        if any(target.is_relative_to(one.root) for one in self.sandboxes):
            self.found.items.append(Item(name, os.readlink(path), is_link=True))
        elif not any(target.is_relative_to(folder) for folder in self._ours):
            if target.exists():  # a link that leads nowhere does so there as well
                self.found.needed[str(target)] = size_of(target)
            self.found.items.append(Item(name, str(target), is_link=True))
        elif target.is_dir() and not path.is_relative_to(target):
            self.found.linked[str(target)] = None
            if self.sends:
                self.folder(target, name)
        elif target.is_file():
            self.found.linked[str(target)] = size_of(target)
            self.found.items.append(Item(name, str(target)))


def size_of(path: Path) -> int | None:
    """Bytes of a file; None for a folder."""
    return path.stat().st_size if path.is_file() else None


def _left(plan: Plan) -> list[str]:
    """Files of the project that stand behind a main loop as the run left them."""
    return sorted({path for files in plan.left.values() for path, there in files.items() if there})


def _checkpoints(prepared: Prepared, own: Sequence[Piece] | None) -> set[str]:
    """Files of the checkpoints that pieces can need, and of those that they refer to."""
    folder = prepared.request.layout.folder
    files = {mark.file for process in prepared.processes for mark in _marks(process.mains, own)}
    for file in list(files):
        try:
            others = Checkpoint.open(folder / file).references
        except FlorError:  # the worker will say so
            continue
        files |= {os.path.join(os.path.dirname(file), other) for other in others}
    return files


def _marks(mains: Sequence[MainMark], own: Sequence[Piece] | None) -> Iterator[CheckpointMark]:
    for number, main in enumerate(mains):
        spans = _spans(number, main, own)
        for index, mark in main.boundaries.items():
            if any(first <= index <= last for first, last in spans):
                yield mark
        for (position, _), block in main.blocks.items():
            at = next((index for name, index in position if name == main.name), 0)
            if any(first <= at <= last for first, last in spans):
                yield from block.steps.values()
                if block.checkpoint is not None:
                    yield block.checkpoint


def _spans(number: int, main: MainMark, own: Sequence[Piece] | None) -> list[tuple[int, int]]:
    """(first, last) iterations whose checkpoints can be needed: each from one that is whole."""
    if own is None:
        return [(0, main.iterations)]
    whole = [index for index, mark in main.boundaries.items() if mark.complete]
    spans = [(0, 0), (_before(whole, main.iterations - 1), main.iterations)]
    parts = [piece.part for piece in own if piece.part is not None]
    return spans + [
        (_before(whole, part.start), part.stop) for part in parts if part.main == number
    ]


def _before(whole: Sequence[int], index: int) -> int:
    return max((one for one in whole if one <= index), default=0)
