"""Every path below FLOR_HOME is spelled here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CATALOG_NAME = "catalog.db"
RUN_FILE = "run.json"
NOTES_FILE = "notes.json"
REPLAYS = "replays"
CHECKPOINTS = "checkpoints"
ARRAYS = "arrays"
_REMOVED = ".removed-"


class RunLayout(NamedTuple):
    """The paths of one run's folder, `~/.flor/<name>/<run>/`."""

    folder: Path

    @property
    def run(self) -> str:
        """The run's id, which is the folder's name."""
        return self.folder.name

    @property
    def run_file(self) -> Path:
        """run.json: command, version, environment, status."""
        return self.folder / RUN_FILE

    @property
    def pins_file(self) -> Path:
        """What is pinned of the run; not there where nothing is."""
        return self.folder / "pins.json"

    @property
    def spool_file(self) -> Path:
        """Where else its files lie; not there where it was never spooled."""
        return self.folder / "spool.json"

    @property
    def notes_file(self) -> Path:
        """What was written about the run after it; not there where nothing was."""
        return self.folder / NOTES_FILE

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of the run's first recording process."""
        return self.folder / CHECKPOINTS

    @property
    def arrays(self) -> Path:
        """The elements of large logged arrays."""
        return self.folder / ARRAYS

    def all_arrays(self) -> list[Path]:
        """The folders that may have elements of large arrays: the run's, and those of its replays."""
        return [self.arrays, *sorted(self.replays.glob(f"*/{ARRAYS}"))]

    @property
    def replays(self) -> Path:
        """One folder a replay."""
        return self.folder / REPLAYS

    @property
    def interrupted(self) -> Path:
        """Journals of the run as they were before it was resumed."""
        return self.folder / "interrupted"

    def journal(self, rank: int, pid: int) -> Path:
        """The journal of one recording process."""
        return self.folder / f"journal.{rank}.{pid}.flor"

    def journals(self) -> list[Path]:
        """The journals that exist, by name."""
        return _journals_in(self.folder)

    def replay(self, replay: str) -> ReplayLayout:
        """The paths of one replay of this run."""
        return ReplayLayout(self.replays / replay)


class ReplayLayout(NamedTuple):
    """The paths of one replay's folder, `<run>/replays/<replay>/`.

    Attributes:
        folder: of the replay.
        worker: number of the worker whose own files are meant; the first one's have plain names.
    """

    folder: Path
    worker: int = 0

    @property
    def replay(self) -> str:
        """The replay's id, which is the folder's name."""
        return self.folder.name

    @property
    def plan_file(self) -> Path:
        """What the workers are to do."""
        return self.folder / "plan.json"

    @property
    def report_file(self) -> Path:
        """What came of it; a replay without one has not ended."""
        return self.folder / "report.json"

    @property
    def arrays(self) -> Path:
        """The elements of large logged arrays, of all workers."""
        return self.folder / ARRAYS

    @property
    def claims(self) -> Path:
        """What workers have taken on, where there are several."""
        return self.folder / "claims"

    @property
    def work(self) -> Path:
        """What the script wrote in its sandbox."""
        return self._own("files")

    @property
    def work_beside(self) -> Path:
        """The same for the run's present folder, where that lay outside the project."""
        return self._own("cwd")

    def standin(self, folder: Path, *, beside: bool = False) -> Path:
        """The sandbox in which the script runs, under the folder's whole path, so that it has its name.

        >>> ReplayLayout(Path("/r")).standin(Path("/home/u/project"))
        PosixPath('/r/around/home/u/project')
        """
        return self.around(beside=beside) / folder.relative_to(folder.anchor)

    def around(self, *, beside: bool = False) -> Path:
        """Stands for the root of the file system while the script runs."""
        return self._own("around-cwd" if beside else "around")

    @property
    def work_elsewhere(self) -> Path:
        """Event files for folders that lie in no sandbox, each below its whole path."""
        return self._own("elsewhere")

    @property
    def output(self) -> Path:
        """What the replayed script printed, standard output and error together."""
        return self._own("output", ".txt")

    @property
    def said(self) -> Path:
        """What was printed at a prompt, where that was not shown."""
        return self.folder / "said.txt"

    @property
    def all_work(self) -> list[Path]:
        """The folders of files that exist, of all workers."""
        names = ("files", "cwd", "elsewhere", "around")
        return sorted(path for name in names for path in self.folder.glob(f"{name}*"))

    def of_worker(self, worker: int) -> ReplayLayout:
        """The same replay, with the files of one of its workers."""
        return ReplayLayout(self.folder, worker)

    def _own(self, name: str, ending: str = "") -> Path:
        return self.folder / (f"{name}.{self.worker}{ending}" if self.worker else name + ending)

    def journal(self, rank: int, pid: int) -> Path:
        """The journal of one worker process; those of other machines may have its pid."""
        return self._own(f"journal.{rank}.{pid}", ".flor")

    def journals(self) -> list[Path]:
        """The journals that exist, by name."""
        return _journals_in(self.folder)


class HomeLayout(NamedTuple):
    """The paths of FLOR_HOME."""

    home: Path

    @property
    def catalog(self) -> Path:
        """The index of all runs; rebuildable."""
        return self.home / CATALOG_NAME

    @property
    def exports(self) -> Path:
        """Versions laid out for replays; a cache."""
        return self.home / ".cache" / "exports"

    @property
    def searches(self) -> Path:
        """Where searches through runs are at work; each removes its own."""
        return self.home / ".cache" / "searches"

    @property
    def fetches(self) -> Path:
        """Where runs from elsewhere are laid down before they are in their place."""
        return self.home / ".cache" / "fetches"

    def runs_of(self, name: str) -> Path:
        """The folder of all runs of one name."""
        return self.home / name

    def run(self, name: str, run: str) -> RunLayout:
        """The paths of one run."""
        return RunLayout(self.home / name / run)

    def removed(self, name: str, run: str) -> Path:
        """What a run's folder is called from its removal on until its files are deleted."""
        return self.home / name / f"{_REMOVED}{run}"

    def all_removed(self) -> list[Path]:
        """The folders of removed runs whose files were not all deleted."""
        return sorted(self.home.glob(f"*/{_REMOVED}*"))

    def removed_file(self, name: str) -> Path:
        """Up to which number runs of a name were removed."""
        return self.home / name / "removed.json"

    def private_store(self, name: str) -> Path:
        """The versions of runs whose project lies in no git repository."""
        return self.home / name / "repo.git"

    def runs(self) -> list[RunLayout]:
        """Every run folder there is, oldest first."""
        found = (path.parent for path in self.home.glob(f"*/*/{RUN_FILE}"))
        return [
            RunLayout(folder)
            for folder in sorted(found, key=lambda path: path.name)
            if not folder.name.startswith(".")
        ]


def names_in(folder: str | Path) -> list[str]:
    """What lies in a folder; nothing where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def journals_among(names: Iterable[str]) -> list[str]:
    """The names of journals among those of files, in order."""
    return sorted(name for name in names if name.startswith("journal.") and name.endswith(".flor"))


def _journals_in(folder: Path) -> list[Path]:
    # Path.glob takes ten times as long, which 10,000 runs feel.
    return [folder / name for name in journals_among(names_in(folder))]
