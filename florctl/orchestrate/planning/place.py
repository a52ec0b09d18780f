"""Where a replay runs: the folders of the run, or sandboxes that stand for them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from florctl.orchestrate.planning.earlier import Earlier
from florctl.orchestrate.planning.sandbox import Sandbox, lay_out
from florctl.orchestrate.planning.surroundings import clear_around, surround
from florctl.orchestrate.run_json import came_from
from florlib.ground.layout import ReplayLayout
from florlib.ground.recorded import RecordedProcess
from florlib.ground.relocation import Relocation
from florlib.hindsight.question import sources_of

EVENT_FILE = "tfevents"  # in the name of every file that TensorBoard looks into


@dataclass(frozen=True, slots=True)
class Place:
    """Where a replay runs.

    Attributes:
        cwd: of the recorded run, symbolic links resolved.
        project: of the run.
        recorded: the project as the record names it, where that lay elsewhere.
        sandboxes: stand-ins for the project, and for the present folder of the run where that
            lies elsewhere; none where the replay runs in place.
        arounds: for each sandbox, what stands for the root of the file system.
    """

    cwd: Path
    project: Path
    sandboxes: tuple[Sandbox, ...]
    recorded: str | None = None
    arounds: tuple[Path, ...] = ()

    @classmethod
    def users_own(cls, content: Mapping[str, Any]) -> Place:
        """The folders of the run that a run.json tells of, themselves."""
        return cls(_real(content["cwd"]), _real(content["project"]), (), _recorded(content))

    @classmethod
    def apart(
        cls,
        content: Mapping[str, Any],
        processes: Sequence[RecordedProcess],
        layout: ReplayLayout,
        home: Path,
        earlier: Earlier | None = None,
    ) -> Place:
        """Lay out sandboxes.

        Args:
            content: of run.json.
            processes: of the run.
            layout: of the replay.
            home: FLOR_HOME, which is left out.
            earlier: the run's own version, where the present one is another.

        Raises:
            OSError: they cannot be written.
        """
        project, cwd = _real(content["project"]), _real(content["cwd"])
        recorded = _recorded(content)
        started = datetime.fromisoformat(content["started"])
        began = int(started.timestamp() * 1e9)
        without = [home]
        named = Path(recorded or project)  # what a script knows of its folder is the name, too
        sandbox = lay_out(
            project,
            layout.standin(named),
            started_ns=began,
            written=[path for process in processes for path in process.written_files],
            read=[
                path
                for process in processes
                for path in process.read_files
                if path not in process.made_files
            ],
            code=sources_of(processes),
            without=without,
            version=None if earlier is None else earlier.files,
        )
        if earlier is not None:
            sandbox.put(earlier.texts)
        sandboxes, arounds = [sandbox], [Path(os.path.realpath(layout.around()))]
        if cwd.is_dir() and not cwd.is_relative_to(project):
            root = layout.standin(cwd, beside=True)
            beside = lay_out(cwd, root, started_ns=began, without=[*without, project])
            sandboxes.append(beside)
            arounds.append(Path(os.path.realpath(layout.around(beside=True))))
        standins = {one.project: one.root for one in sandboxes}
        for one, around in zip(sandboxes, arounds, strict=True):
            surround(one.root, one.project, around, instead=standins, without=without)
        return cls(cwd, project, tuple(sandboxes), recorded, tuple(arounds))

    @property
    def relocation(self) -> Relocation:
        """Of paths in what was recorded."""
        moves = tuple((str(one.project), str(one.root)) for one in self.sandboxes)
        moves += tuple(("", str(around)) for around in self.arounds)
        if self.recorded is None:
            return Relocation(moves)
        return Relocation(((self.recorded, str(self.inside(self.project))), *moves))

    def inside(self, path: Path) -> Path:
        """Where the replay has a path of the record."""
        for sandbox in self.sandboxes:
            moved = sandbox.inside(path)
            if moved != path:
                return moved
        return path

    def word(self, word: str) -> str:
        """A word of the command: paths that would lead out of the sandbox lead into it."""
        option, equals, value = word.rpartition("=")
        if not os.path.isabs(value) and not (len(self.sandboxes) > 1 and value.startswith("..")):
            return word
        path = Path(os.path.normpath(self.cwd / value))
        moved = self.inside(path)
        return word if moved == path else f"{option}{equals}{moved}"

    def written(self, layout: ReplayLayout) -> list[Path]:
        """The files that the replay wrote; none where it ran in place."""
        found = [box.root / path for box in self.sandboxes for path in box.outputs()]
        found += sorted(path for path in layout.work_elsewhere.rglob("*") if path.is_file())
        return found

    def clear(self) -> None:
        """Remove what was laid out; the files that the replay wrote stay."""
        for sandbox, around in zip(self.sandboxes, self.arounds, strict=True):
            sandbox.clear()
            clear_around(sandbox.root, around)


def log_dir_of(written: Sequence[Path]) -> str | None:
    """The innermost folder that holds all event files, for `tensorboard --logdir`.

    >>> log_dir_of([Path("files/runs/a/events.out.tfevents.1"), Path("files/best.pt")])
    'files/runs/a'
    """
    folders = [str(path.parent) for path in written if EVENT_FILE in path.name]
    return os.path.commonpath(folders) if folders else None


def _recorded(content: Mapping[str, Any]) -> str | None:
    moved = came_from(content)
    return None if moved is None else moved[0]


def _real(path: str) -> Path:
    return Path(os.path.realpath(path))
