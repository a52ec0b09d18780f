"""Replays of earlier versions: what is asked today, carried over to the code that a run had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florctl.orchestrate.answers.lookup import runs_of
from florctl.orchestrate.journals import read_run_journals
from florctl.orchestrate.planning.sources import PresentSources, present_texts
from florctl.orchestrate.run_json import program_of, read_run_json
from florlib.ground.errors import CodeChanged, FlorError, VersionMissing
from florlib.ground.layout import HomeLayout, RunLayout
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.probes import compare
from florlib.hindsight.propagation import Asked, Propagated, propagate, questions
from florlib.hindsight.question import sources_of
from florlib.stores.versions import VersionFiles, WorkingTree

LOOKED_AT = 200  # runs of a project, from the newest, among which that of a script is looked for


@dataclass(frozen=True, slots=True)
class Today:
    """What the present code asks.

    Attributes:
        run: the most recent run of the script, whose code the questions were added to.
        recent: by path, the sources of that run.
        asked: what was added since.
        tree: the project's present files, to be closed.
    """

    run: str
    recent: Mapping[str, str]
    asked: list[Asked]
    tree: WorkingTree


@dataclass(slots=True)
class Earlier:
    """A run's own version, where the present code is another.

    Attributes:
        today: what is asked.
        recorded: by path, the sources of the run.
        texts: the same with what was placed in them: what is to run.
        propagated: what was placed, and what was not.
        files: how the version's other files differ from the present ones.
        warnings: what of the version is not at hand.
    """

    today: Today
    recorded: Mapping[str, str]
    texts: dict[str, str]
    propagated: Propagated
    files: VersionFiles = field(default_factory=VersionFiles)
    warnings: list[dict[str, str]] = field(default_factory=list)

    def file(self, project: Path, path: str) -> Path:
        """Where a file of the version lies."""
        return self.files.changed.get(path, project / path)


def todays_questions(home: Path, content: Mapping[str, Any]) -> Today | None:
    """What was added to a script since it was recorded last; None where it was never recorded.

    Args:
        home: FLOR_HOME.
        content: run.json of any run of the script.

    Raises:
        SyntaxError: a present source does not parse; Python's own.
    """
    project, places = Path(content["project"]), HomeLayout(home)
    for row in runs_of(home, name=None, project=project, limit=LOOKED_AT):
        layout = RunLayout(home / row.folder)
        recent = _recorded_sources(layout, program_of(content))
        if recent:
            asked = questions(recent, present_texts(project, recent))
            store = places.private_store(layout.folder.parent.name)
            return Today(row.run, recent, asked, WorkingTree(project, private_store=store))
    return None


def _recorded_sources(layout: RunLayout, program: tuple[str, ...]) -> dict[str, str]:
    """The sources of a run of the script; none where it is another's, or cannot be read."""
    try:
        if program_of(read_run_json(layout)) != program:
            return {}
        return sources_of(read_run_journals(layout).processes)
    except FlorError:
        return {}


def earlier_version(
    layout: RunLayout,
    content: Mapping[str, Any],
    sources: PresentSources,
    today: Today,
    home: Path,
) -> Earlier:
    """Carry what is asked over to a run's own version, and lay that version out.

    `sources` tells afterwards of the version instead of the present files.

    Raises:
        CodeChanged: something is asked, and none of it has a place in that version.
    """
    found = propagate(today.asked, today.recent, sources.recorded_modules)
    if today.asked and not found.placed:
        raise _unplaceable(layout.run, found)
    texts = {**sources.recorded, **found.texts}
    earlier = Earlier(today, sources.recorded, texts, found)
    sources.comparisons = {
        path: compare(path, text, earlier.texts[path], sources.trees)
        for path, text in sources.recorded.items()
    }
    _lay_out(earlier, content, home)
    return earlier


def _unplaceable(run: str, found: Propagated) -> CodeChanged:
    first = found.refused[0]
    error = CodeChanged(
        f"no added line has a place in the version of run {run}: {first.file}:{first.line}: {first.reason}",
        hint=f"flor replay {run} --force",
    )
    error.details = [f"{one.file}:{one.line}: {one.reason}" for one in found.refused]
    return error


def _lay_out(earlier: Earlier, content: Mapping[str, Any], home: Path) -> None:
    version = content.get("version")
    if not isinstance(version, Mapping):
        text = "the version of the run was not saved: only the code that it loaded is its own"
        earlier.warnings.append({"code": "version-missing", "text": text})
        return
    try:
        exports = HomeLayout(home).exports
        earlier.files = earlier.today.tree.lay_out(str(version["commit"]), exports)
    except VersionMissing as error:
        text = f"{error.message}: only the code that the run loaded is its own"
        earlier.warnings.append({"code": "version-missing", "text": text})
        return
    for path in earlier.files.unknown:
        text = f"{path} is not at hand as the version has it; the present one is used"
        earlier.warnings.append({"code": "version-incomplete", "text": text})


def keep_outputs(
    earlier: Earlier, processes: Sequence[RecordedProcess], left: Mapping[int, Mapping[str, bool]]
) -> None:
    """Leave files that the run wrote as a replay of present code has them.

    Args:
        earlier: the version.
        processes: of the run.
        left: the files that are still as a main loop left them, by its number.
    """
    kept = {path for files in left.values() for path in files}
    written = {path for process in processes for path in process.written_files}
    earlier.files.newer -= written
    for path in kept & set(earlier.files.changed):
        del earlier.files.changed[path]
