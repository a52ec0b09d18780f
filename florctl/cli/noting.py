"""`flor log note` and `flor log tag`: what is written about a run after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption, RunArgument, pairs
from florctl.cli.present import chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.orchestrate.settings import Settings
    from florlib.stores.catalog.rows import RunRow


def note(
    run: RunArgument,
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help='What to write; "-" reads it, "" takes it away.'),
    ] = None,
    append: Annotated[
        bool, typer.Option("--append", help="Write behind what is there, not in its place.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Write in $VISUAL or $EDITOR.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a note about a run; without a text, show the one it has.

    Example: flor log note @ "the learning rate was too high"
    """
    import sys

    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.noting import put_note
    from florlib.ground.errors import UsageError

    if edit and (text is not None or append):
        raise UsageError("--edit takes no text", hint="flor log note @ --edit")
    settings, row = _found(run)
    if edit:
        text = _edited(row.note or "")
    elif text is None:
        _show_note(row, json)
        return
    text = sys.stdin.read() if text == "-" else text
    before = put_note(settings.home, row, text, append=append)
    if before and not append and before != text.strip():
        tell(f"flor: the note before was: {before}")
    if json:
        harvest_now(settings.home)
        _show_note(_found(row.run)[1], json)


def tag(
    run: RunArgument,
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="[K=V]...", help="To give; without one, show those it has."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="K", help="Take a tag away.")
    ] = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Give a run tags, which expressions of --where know; without one, show those it has.

    They go before those of flor record --tag, which stay in run.json.

    Example: flor log tag @ kept=yes --remove draft
    """
    from florctl.cli.views.layout import Column, Table
    from florctl.cli.views.render import View, records_of, show
    from florctl.orchestrate.answers.noting import put_tags

    form = chosen_format(json, csv, plain)
    settings, row = _found(run)
    if tags or remove:
        given = pairs(tags or [], "flor log tag @ kept=yes")
        put_tags(settings.home, row, given, remove or [])
        if not json:
            return
        harvest_now(settings.home)
        row = _found(row.run)[1]
    objects = [{"tag": key, "value": value} for key, value in sorted(row.tags.items())]
    table = Table(
        (Column("tag"), Column("value", shrinks=True)), [list(each.values()) for each in objects]
    )
    fields = ("tag", "value")
    show(View(lambda: [table], lambda: row.tags, fields, lambda: records_of(objects, fields)), form)


def _found(selector: str) -> tuple[Settings, RunRow]:
    from florctl.orchestrate.answers.lookup import find_run

    settings = present_settings()
    harvest_now(settings.home)
    return settings, find_run(selector, settings.home, settings.project)


def _show_note(row: RunRow, json: bool) -> None:
    import json as json_module

    if json:
        typer.echo(json_module.dumps({"run": row.run, "note": row.note}))
    elif row.note:
        typer.echo(row.note)


def _edited(text: str) -> str:
    """A text as a person leaves it in their editor.

    Raises:
        UsageError: the editor cannot be started, or did not end well; nothing is changed.
    """
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    from florlib.ground.errors import UsageError

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="flor-note-") as folder:
        path = Path(folder) / "note.txt"
        path.write_text(f"{text}\n" if text else "", encoding="utf-8")
        hint = 'flor log note @ "a text"'
        try:
            ended = subprocess.run([*shlex.split(editor), str(path)], check=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the editor {editor!r} cannot be started ({error})", hint=hint
            ) from error
        if ended.returncode:
            raise UsageError(f"{editor} ended with status {ended.returncode}", hint=hint)
        return path.read_text(encoding="utf-8")
