"""The project's sources as they are now, held against those that a run has loaded."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname

from florlib.ground.errors import CodeChanged
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.probes import Comparison, compare
from florlib.hindsight.question import sources_of
from florlib.source.imports import project_imports

_EXECUTED = (
    "it was run by exec(), by runpy or by its path, where added lines cannot be told from recorded"
    " ones"
)


@dataclass(slots=True)
class PresentSources:
    """What became of a run's sources.

    Attributes:
        project: the user's folder.
        recorded: text of each file when the run loaded it.
        trees: the recorded files that were imported or run as a script, parsed.
        comparisons: by path.
        added: texts of the project's files that only added lines import.
    """

    project: Path
    recorded: dict[str, str]
    trees: dict[str, ast.Module] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)

    @property
    def recorded_modules(self) -> dict[str, str]:
        """The recorded texts that probes can be told in."""
        return {path: self.recorded[path] for path in self.trees}

    @property
    def changed(self) -> dict[str, Comparison]:
        """The files that have changed by more than probes."""
        return {path: one for path, one in self.comparisons.items() if one.verdict == "changed"}

    def refusal(self, run: str) -> CodeChanged:
        """Why a replay would not be one of this run, with the difference."""
        lines: list[str] = []
        changed = self.changed
        for path in changed:
            with suppress(OSError):
                before, now = self.recorded[path], read_text(self.project / path)
                lines += difflib.unified_diff(
                    before.splitlines(), now.splitlines(), path, path, lineterm="", n=1
                )
        first, item = next(iter(changed.items()))
        error = CodeChanged(
            f"{first} has changed by more than probes since run {run}: {item.changes[0]}",
            hint=f"flor replay {run} --force",
        )
        error.details = lines
        return error


def compare_sources(project: Path, processes: Sequence[RecordedProcess]) -> PresentSources:
    """Compare every file that a run has loaded with the present one.

    Raises:
        SyntaxError: a present source does not parse; Python's own.
    """
    recorded = sources_of(processes)
    executed = {path: text for one in processes for path, text in one.executed.items()}
    trees = {path: ast.parse(text) for path, text in recorded.items()}
    found = PresentSources(project, {**executed, **recorded}, trees)
    present: dict[str, str] = {}
    for path, text in found.recorded.items():
        try:
            present[path] = read_text(project / path)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            reason = "the file is gone" if gone else f"it cannot be read ({error.strerror})"
            found.comparisons[path] = Comparison("changed", changes=(reason,))
            continue
        if present[path] == text:
            found.comparisons[path] = Comparison("same")
        elif path in recorded:
            found.comparisons[path] = compare(path, text, present[path], trees)
        else:
            found.comparisons[path] = Comparison("changed", changes=(_EXECUTED,))
    roots = _import_roots(project, processes)
    for path, tree in trees.items():
        shadowing = _new_files(project, tree, path, roots, found.recorded)
        if shadowing and found.comparisons[path].verdict != "changed":
            reason = f"what it imports is now found in {shadowing[0]}, which the run did not load"
            found.comparisons[path] = Comparison("changed", changes=(reason,))
    found.added = _added_files(project, present, roots)
    return found


def _import_roots(project: Path, processes: Sequence[RecordedProcess]) -> list[str]:
    """Folders, relative to the project, that the run's absolute imports were looked for in."""
    roots: dict[str, None] = {}
    for one in processes:
        with suppress(ValueError):
            script = Path(one.process["cwd"], one.process["script"]).resolve()
            roots[dirname(script.relative_to(project.resolve()).as_posix())] = None
        if "-m" in one.process["argv"]:
            roots[""] = None
        roots.update(dict.fromkeys(one.import_paths))
    return list(roots)


def _new_files(
    project: Path, tree: ast.Module, path: str, roots: Sequence[str], known: Collection[str]
) -> list[str]:
    found = project_imports(tree, path, lambda file: (project / file).is_file(), roots)
    return [file for file in found if file not in known]


def _added_files(project: Path, present: Mapping[str, str], roots: Sequence[str]) -> dict[str, str]:
    """Files that the present sources lead to, and the recorded ones did not."""
    added: dict[str, str] = {}
    waiting = list(present.items())
    while waiting:
        path, text = waiting.pop()
        tree = ast.parse(text, filename=path)
        for file in _new_files(project, tree, path, roots, {*present, *added}):
            with suppress(OSError):
                added[file] = read_text(project / file)
                waiting.append((file, added[file]))
    return added


def present_texts(project: Path, paths: Iterable[str]) -> dict[str, str]:
    """The present texts of files, those aside that cannot be read.

    Raises:
        SyntaxError: one cannot be decoded.
    """
    found = {}
    for path in paths:
        with suppress(OSError):
            found[path] = read_text(project / path)
    return found


def read_text(path: Path) -> str:
    """The text of a source file, decoded as Python does.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it cannot be decoded.
    """
    from importlib.util import decode_source

    try:
        return decode_source(path.read_bytes())
    except UnicodeDecodeError as error:
        raise SyntaxError(str(error), (str(path), 1, None, None)) from error
