"""The code of versions: what differs between two of them, and files laid out anew."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from florctl.orchestrate.answers.versions import SavedVersion, folders_of, previous_of
from florlib.ground.errors import UsageError

if TYPE_CHECKING:
    from florlib.stores.versions import Archive, Change, Exported, Lines

WORKING_TREE = "working tree"


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that is not the same on both sides.

    Attributes:
        patch: the lines, as `git diff` writes them; None where they were not asked for.
    """

    change: Change
    lines: Lines
    patch: bytes | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A version beside the one before it.

    Attributes:
        previous: of the same name; None of the first.
        changed: (kind, path) of what differs; None where there is no previous one, or git has not
            got the code of both any more.
    """

    version: SavedVersion
    previous: SavedVersion | None
    changed: list[tuple[str, str]] | None


def beside_previous(
    shown: Sequence[SavedVersion], all_of_them: Sequence[SavedVersion]
) -> list[Listed]:
    """What each version has changed since the one before it of its name."""
    from florlib.stores.versions import changed_paths, open_archive

    if not shown:
        return []
    previous = [previous_of(one, all_of_them) for one in shown]
    with open_archive(folders_of(*shown, *filter(None, previous))) as archive:

        def changed(one: SavedVersion, before: SavedVersion | None) -> list[tuple[str, str]] | None:
            if before is None:
                return None
            try:
                return changed_paths(archive, before.tree, one.tree)
            except KeyError:  # cleared away by git, which keeps only what something refers to
                return None

        return [
            Listed(one, before, changed(one, before))
            for one, before in zip(shown, previous, strict=True)
        ]


def uncommitted(version: SavedVersion) -> list[FileDiff]:
    """What a version has changed against the commit that it stands on."""
    from florlib.stores.versions import changes, count_lines, open_archive

    with open_archive([version.store]) as archive:
        base = None
        if version.base is not None:
            base = archive.commit(version.base).tree.decode("ascii")
        found = changes(archive, base, version.tree)
        return [FileDiff(one, count_lines(archive, one)) for one in found]


def code_diff(
    old: SavedVersion,
    new: SavedVersion | None,
    project: Path,
    paths: Sequence[str] = (),
    *,
    patches: bool = True,
) -> list[FileDiff]:
    """What differs between two versions.

    Args:
        old: the earlier side.
        new: the later side; None for the working tree.
        project: whose working tree that is.
        paths: only these files and folders, from the root of the project.
        patches: whether the changed lines are wanted, too.
    """
    from florlib.stores.versions import changes, count_lines, patch

    with _both_sides(old, new, project) as (archive, tree):
        return [
            FileDiff(
                one,
                count_lines(archive, one),
                b"".join(patch(archive, one)) if patches else None,
            )
            for one in changes(archive, old.tree, tree, paths)
        ]


@contextmanager
def _both_sides(
    old: SavedVersion, new: SavedVersion | None, project: Path
) -> Iterator[tuple[Archive, str]]:
    """The objects of both sides, and the tree of the later one."""
    from florlib.stores.versions import find_project, open_archive, present_tree

    if new is not None:
        with open_archive(folders_of(old, new)) as archive:
            yield archive, new.tree
        return
    here = find_project(project)
    folders = list(dict.fromkeys([here or old.store, old.store]))
    with open_archive(folders) as archive, present_tree(archive, here or project) as present:
        yield present


def is_path(version: SavedVersion, project: Path, path: str) -> bool:
    """Whether a path from the root of the project is in the working tree, or in a version."""
    from florlib.stores.versions import holds, open_archive

    if os.path.lexists(project / path):
        return True
    with open_archive([version.store]) as archive:
        return holds(archive, version.tree, path)


def path_in_project(word: str, cwd: Path, project: Path) -> str:
    """A path as typed, from the root of the project; "." for all of it.

    Raises:
        UsageError: it leads out of the project.
    """
    # The folder is resolved, as the project is; a link at the end of the path is a file of its own.
    typed = Path(os.path.normpath(cwd.resolve() / word))
    try:
        return typed.relative_to(project).as_posix()
    except ValueError:
        raise UsageError(f"{word} is outside of {project}") from None


def export_version(version: SavedVersion, folder: Path) -> Exported:
    """Lay a version out in a folder that is empty, or not there yet."""
    from florlib.stores.versions import export, open_archive

    with open_archive([version.store]) as archive:
        return export(archive, version.tree, folder, version.store)
