"""Writing about a run after it: its note, and tags over those of the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from florctl.orchestrate.alone import alone_in
from florctl.orchestrate.run_json import read_run_json
from florlib.ground.errors import RunDamaged, UsageError
from florlib.ground.layout import RunLayout
from florlib.stores.catalog.rows import RunRow
from florlib.stores.notes import Notes, read_notes, write_notes


def put_note(home: Path, run: RunRow, text: str, *, append: bool = False) -> str:
    """Give a run its note, in place of the one it has or (`append`) behind it.

    Returns:
        The note that it had before.
    """

    def changed(notes: Notes) -> Notes:
        joined = [part for part in (notes.note if append else "", text.strip()) if part]
        return replace(notes, note="\n".join(joined))

    return _change(home, run, changed).note


def put_tags(home: Path, run: RunRow, given: Mapping[str, str], removed: Sequence[str]) -> None:
    """Give a run tags, and take some away.

    Raises:
        UsageError: it has no tag that is to be taken away.
    """
    recorded = dict(read_run_json(RunLayout(home / run.folder)).get("tags") or {})

    def changed(notes: Notes) -> Notes:
        has = notes.over(recorded)
        for key in removed:
            if key not in has:
                known = f"; it has {', '.join(sorted(has))}" if has else ""
                raise UsageError(
                    f"{run.name}@{run.ordinal} has no tag {key}{known}",
                    hint=f"flor log tag {run.run}",
                )
        tags = {key: value for key, value in notes.tags.items() if key not in removed} | dict(given)
        gone = (notes.removed | set(removed)) & recorded.keys() - given.keys()
        return replace(notes, tags=tags, removed=frozenset(gone))

    _change(home, run, changed)


def _change(home: Path, run: RunRow, changed: Callable[[Notes], Notes]) -> Notes:
    """Change the notes of a run while nobody else does; returns those before."""
    layout = RunLayout(home / run.folder)
    with alone_in(layout.folder):
        try:
            before = read_notes(layout.notes_file)
        except ValueError as error:
            raise RunDamaged(str(error), hint=f"flor log show {run.run}") from error
        after = changed(before)
        if after != before:
            write_notes(layout.notes_file, after)
    return before
