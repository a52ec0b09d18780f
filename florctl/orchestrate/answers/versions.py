"""Saved versions by the words that name them, and which of a project there are."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from florctl.orchestrate.answers.lookup import catalog_of, find_by_word
from florlib.ground.errors import RevisionNotFound, VersionMissing
from florlib.ground.layout import HomeLayout
from florlib.stores.catalog import questions
from florlib.stores.catalog.rows import RunRow, VersionRow
from florlib.stores.versions import find_project

if TYPE_CHECKING:
    from florlib.stores.versions import Archive, Link


@dataclass(frozen=True, slots=True)
class OfRun:
    """The run that a version was saved for.

    Attributes:
        key: in the catalog; None where the run is not there any more, or was made elsewhere.
        command: as typed; cut off where the run is not in the catalog and it is long.
    """

    run: str
    name: str
    ordinal: int
    command: str
    key: int | None = None


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A commit whose code can be shown, compared, merged and exported.

    Attributes:
        commit: its full id.
        work_commit: the work alone, on top of `base`; None where there is no such commit.
        tree: what it holds.
        base: the user's commit that it stands on.
        branch: that the user was on.
        dirty: files that differed from `base`; None of a commit of the user's own.
        saved: when.
        store: the repository, or the private store, that holds it.
        skipped: (path, reason) of what was left out.
        of: the run; None of a commit of the user's own.
    """

    commit: str
    work_commit: str | None
    tree: str
    base: str | None
    branch: str | None
    dirty: int | None
    saved: datetime
    store: Path
    skipped: tuple[tuple[str, str], ...]
    of: OfRun | None

    @property
    def label(self) -> str:
        """NAME@3 of a run's version, else the beginning of the commit's id."""
        return self.commit[:7] if self.of is None else f"{self.of.name}@{self.of.ordinal}"


def find_version(selector: str, home: Path, project: Path) -> SavedVersion:
    """The version that a run selector or a git revision names.

    Raises:
        RunNotFound: the selector speaks of a run that there is not.
        RunAmbiguous: several runs answer.
        RevisionNotFound: no run answers, and no commit.
        RevisionAmbiguous: several commits do.
        VersionMissing: the run has none.
    """
    from florlib.stores.versions import open_archive, resolve

    selector = selector.strip()
    with catalog_of(home) as connection:
        run = find_by_word(connection, selector, project)
        if run is not None:
            return _version_of(run, questions.versions(connection, [run.key]).get(run.key), home)
        try:
            commit = resolve(project, selector)
        except RevisionNotFound:
            raise RevisionNotFound(
                f"no run and no commit of {project} answers to {selector!r}",
                hint="flor shadow list",
            ) from None
        known = {run.key: run for run in questions.runs_by_commit(connection, commit)}
        # A commit of the user's own stays that, although runs were started of just its code.
        for key, row in questions.versions(connection, list(known)).items():
            if row.commit == commit or (len(known) == 1 and row.base != commit):
                return _version_of(known[key], row, home)
    store = find_project(project)
    assert store is not None  # `resolve` found it there
    with open_archive([store]) as archive:
        return _of_commit(archive, commit, store)


def version_of(run: RunRow, home: Path) -> SavedVersion:
    """The version of a run.

    Raises:
        VersionMissing: it has none.
    """
    with catalog_of(home) as connection:
        return _version_of(run, questions.versions(connection, [run.key]).get(run.key), home)


def versions_of(home: Path, project: Path, *, name: str | None = None) -> list[SavedVersion]:
    """The versions of a project's runs, newest first.

    Also those on the shadow branch whose runs are not in the catalog.
    """
    from florlib.stores.versions import links, open_archive

    with catalog_of(home) as connection:
        runs = questions.runs_of_project(connection, str(project))
        rows = questions.versions(connection, [run.key for run in runs])
    found = {run.run: _version_of(run, rows[run.key], home) for run in runs if run.key in rows}
    store = find_project(project)
    if store is not None:
        with open_archive([store]) as archive:
            for link in links(archive):
                if link.run not in found:
                    found[link.run] = _of_link(link, store)
    wanted = [one for one in found.values() if name is None or (one.of and one.of.name == name)]
    return sorted(wanted, key=_moment, reverse=True)


def _moment(version: SavedVersion) -> tuple[datetime, int, str]:
    """What versions are ordered by; git's times have whole seconds, within which numbers tell."""
    return version.saved, version.of.ordinal if version.of else 0, version.commit


def previous_of(version: SavedVersion, all_of_them: Sequence[SavedVersion]) -> SavedVersion | None:
    """The version of the run before, of the same name.

    Args:
        version: of a run.
        all_of_them: newest first.
    """
    assert version.of is not None
    for one in all_of_them:
        same = one.of is not None and one.of.name == version.of.name
        if same and one.of is not None and one.of.ordinal < version.of.ordinal:
            return one
    return None


def folders_of(*versions: SavedVersion) -> list[Path]:
    """The repositories that hold some versions, each once."""
    return list(dict.fromkeys(one.store for one in versions))


def _version_of(run: RunRow, row: VersionRow | None, home: Path) -> SavedVersion:
    if row is None:
        raise VersionMissing(
            f"{run.name}@{run.ordinal} has no version: its code was not saved",
            hint=f"flor log show {run.run}",
        )
    layout = HomeLayout(home)
    private = row.store == "private"
    return SavedVersion(
        commit=row.commit,
        work_commit=row.work_commit if row.work_commit != row.commit else None,
        tree=row.tree,
        base=row.base,
        branch=row.branch,
        dirty=row.dirty,
        saved=datetime.fromisoformat(run.started),
        store=layout.private_store(run.name) if private else Path(run.project),
        skipped=row.skipped,
        of=OfRun(run.run, run.name, run.ordinal, shlex.join(run.command), run.key),
    )


def _of_link(link: Link, store: Path) -> SavedVersion:
    return SavedVersion(
        commit=link.commit,
        work_commit=link.work_commit,
        tree=link.tree,
        base=link.base,
        branch=link.branch,
        dirty=link.dirty,
        saved=link.saved,
        store=store,
        skipped=link.skipped,
        of=OfRun(link.run, link.name, link.ordinal, link.command),
    )


def _of_commit(archive: Archive, commit: str, store: Path) -> SavedVersion:
    from florlib.stores.versions import read_link, saved_at

    link = read_link(archive, commit)
    if link is not None:
        return _of_link(link, store)
    found = archive.commit(commit)
    parents = [parent.decode("ascii") for parent in found.parents]
    return SavedVersion(
        commit=commit,
        work_commit=None,
        tree=found.tree.decode("ascii"),
        base=parents[0] if parents else None,
        branch=None,
        dirty=None,
        saved=saved_at(found),
        store=store,
        skipped=(),
        of=None,
    )
