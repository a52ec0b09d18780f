"""Views of saved versions: which there are, what one holds, and how two differ."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from florctl.cli.views.layout import Column, Table
from florctl.cli.views.render import View, on_terminal, records_of
from florctl.cli.views.texts import size
from florctl.orchestrate.answers.code import WORKING_TREE, FileDiff, Listed
from florctl.orchestrate.answers.versions import SavedVersion

VERSION_FIELDS = (
    "commit",
    "run",
    "name",
    "ordinal",
    "base",
    "branch",
    "dirty",
    "saved",
    "command",
    "work_commit",
    "tree",
)
LIST_FIELDS = (*VERSION_FIELDS, "previous", "changed")
FILE_FIELDS = ("change", "path", "old_path", "added", "deleted", "old_bytes", "bytes")
SHORT = 7
"""Digits of a commit, as git abbreviates it."""
NAMED = 2
"""Changed files that a line of the list names."""

_LETTERS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "copied": "C"}
_STYLES = (
    (re.compile(r"(?:diff |index |[-+]{3} |(?:old|new|deleted|rename|copy|similarity) )"), "1"),
    (re.compile(r"@@"), "36"),
    (re.compile(r"\+"), "32"),
    (re.compile(r"-"), "31"),
)
"""SGR codes by how a line of a patch begins: bold, cyan, green, red, as in git."""


def version_list(listed: Sequence[Listed]) -> View:
    """Versions, a line each."""
    columns = (
        Column("version"),
        Column("run", shrinks=True),
        Column("id"),
        Column("saved"),
        Column("on", wide=True),
        Column("dirty", right=True),
        Column("since the last of the name", shrinks=True),
    )
    objects = [_listed_object(one) for one in listed]
    return View(
        lambda: [Table(columns, [_listed_cells(one) for one in listed])],
        lambda: objects,
        LIST_FIELDS,
        lambda: records_of(objects, LIST_FIELDS),
    )


def _listed_object(one: Listed) -> dict[str, Any]:
    changed = None
    if one.changed is not None:
        changed = [{"change": kind, "path": _shown(path)} for kind, path in one.changed]
    previous = one.previous.of.run if one.previous is not None and one.previous.of else None
    return {**_version_object(one.version), "previous": previous, "changed": changed}


def _version_object(version: SavedVersion) -> dict[str, Any]:
    of = version.of
    return {
        "commit": version.commit,
        "run": of.run if of else None,
        "name": of.name if of else None,
        "ordinal": of.ordinal if of else None,
        "base": version.base,
        "branch": version.branch,
        "dirty": version.dirty,
        "saved": version.saved.isoformat(),
        "command": of.command if of else None,
        "work_commit": version.work_commit,
        "tree": version.tree,
    }


def _listed_cells(one: Listed) -> list[str]:
    version = one.version
    of = version.of
    return [
        version.commit[:SHORT],
        version.label,
        of.run.rpartition("-")[2] if of else "",
        _local_time(version),
        _base_words(version),
        str(version.dirty),
        _since_words(one),
    ]


def _base_words(version: SavedVersion) -> str:
    base = version.base[:SHORT] if version.base else "no commit yet"
    return f"{version.branch} {base}" if version.branch else base


def _since_words(one: Listed) -> str:
    if one.previous is None:
        return "the first"
    if one.changed is None:
        return "not in git any more"
    if not one.changed:
        return "same code"
    named = [f"{_LETTERS[kind]} {_shown(path)}" for kind, path in one.changed[:NAMED]]
    more = len(one.changed) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def version_page(version: SavedVersion, files: Sequence[FileDiff]) -> View:
    """One version with what it has changed against its base, and what it lacks."""
    of = version.of
    skipped = [{"path": path, "reason": reason} for path, reason in version.skipped]
    content = {
        **_version_object(version),
        "store": str(version.store),
        "files": [_file_object(one) for one in files],
        "skipped": skipped,
    }
    facts = {
        "version": version.commit,
        "run": f"{version.label}  {of.run}" if of else "",
        "command": of.command if of else "",
        "saved": _local_time(version),
        "on": _base_words(version),
        "work": version.work_commit or "",
        "tree": version.tree,
        "store": str(version.store),
    }
    skips = [[one["path"], one["reason"]] for one in skipped]
    return View(
        lambda: [
            Table(
                (Column(""), Column("", shrinks=True)),
                [[key, text] for key, text in facts.items() if text],
            ),
            file_table(files),
            Table((Column("not saved"), Column("why", shrinks=True)), skips),
        ],
        lambda: content,
        ("field", "value"),
        content.items,
    )


def file_table(files: Sequence[FileDiff]) -> Table:
    """Changed files with the number of lines, or the sizes of what is no text."""
    columns = (
        Column("changed"),
        Column("file", shrinks=True),
        Column("+", right=True),
        Column("-", right=True),
    )
    return Table(columns, [_file_cells(one) for one in files])


def _file_cells(one: FileDiff) -> list[str]:
    change, lines = one.change, one.lines
    moved = f"{_shown(change.old_path)} -> " if change.old_path != change.path else ""
    counts = [str(lines.added), str(lines.deleted)]
    if lines.added is None:
        counts = [size(lines.new_bytes), size(lines.old_bytes)]
    return [change.kind, f"{moved}{_shown(change.path)}", *counts]


def _file_object(one: FileDiff) -> dict[str, Any]:
    return {
        "change": one.change.kind,
        "path": _shown(one.change.path),
        "old_path": _shown(one.change.old_path),
        "added": one.lines.added,
        "deleted": one.lines.deleted,
        "old_bytes": one.lines.old_bytes,
        "bytes": one.lines.new_bytes,
    }


def diff_view(
    old: SavedVersion, new: SavedVersion | None, files: Sequence[FileDiff], *, name_only: bool
) -> View:
    """How the code of two versions differs, by file."""
    tables = [Table((Column(""),), [[_shown(one.change.path)] for one in files])]
    objects = code_objects(files)
    content = {"a": _side(old), "b": _side(new), "files": objects}
    return View(
        lambda: tables if name_only else [file_table(files)],
        lambda: content,
        FILE_FIELDS,
        lambda: records_of(objects, FILE_FIELDS),
    )


def _side(version: SavedVersion | None) -> dict[str, Any]:
    if version is None:
        return {"version": None, "run": None, "label": WORKING_TREE}
    run = version.of.run if version.of else None
    return {"version": version.commit, "run": run, "label": version.label}


def code_objects(files: Sequence[FileDiff]) -> list[dict[str, Any]]:
    """Changed files as JSON has them, with their patches where there are some."""
    return [
        _file_object(one)
        if one.patch is None
        else {**_file_object(one), "patch": one.patch.decode("utf-8", "backslashreplace")}
        for one in files
    ]


def patch_bytes(files: Sequence[FileDiff]) -> bytes:
    """The changed lines: as they are for `git apply`, coloured and harmless for a terminal."""
    whole = b"".join(one.patch or b"" for one in files)
    if not (on_terminal() or os.environ.get("FORCE_COLOR")):
        return whole
    text = whole.decode("utf-8", "backslashreplace")
    coloured = not os.environ.get("NO_COLOR")
    lines = [_styled(line) if coloured else _harmless(line) for line in text.split("\n")]
    return "\n".join(lines).encode("utf-8", "backslashreplace")


def _styled(line: str) -> str:
    for start, code in _STYLES:
        if start.match(line):
            return f"\x1b[{code}m{_harmless(line)}\x1b[0m"
    return _harmless(line)


def _harmless(line: str) -> str:
    """A line whose own codes do not reach the terminal."""
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )


def _shown(path: str) -> str:
    """A path as text that any encoding and JSON reader takes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _local_time(version: SavedVersion) -> str:
    return f"{version.saved.astimezone():%Y-%m-%d %H:%M}"
