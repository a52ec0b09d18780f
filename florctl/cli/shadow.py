"""`flor shadow`: the code of every run, as it was when the run began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from florctl.cli.options import CsvOption, JsonOption, PlainOption
from florctl.cli.present import chosen_format, harvest_now, present_settings

if TYPE_CHECKING:
    from florctl.orchestrate.answers.versions import SavedVersion
    from florctl.orchestrate.settings import Settings

TERMINAL_VERSIONS = 30
"""Versions that a terminal shows unless told otherwise; into a pipe go all."""

shadow_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
    ),
]


@shadow_app.callback()
def _shadow() -> None:
    """Look at the code of runs: list, show, compare, merge, export versions."""


@shadow_app.command("list")
def list_versions(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Only of runs of this name.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help=f"On a terminal too, not only the newest {TERMINAL_VERSIONS}."),
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """List the versions of this project's runs, newest first.

    Example: flor shadow list --name linear
    """
    from florctl.cli.present import Format
    from florctl.cli.views.render import on_terminal, show
    from florctl.cli.views.summary import tell
    from florctl.cli.views.versions import version_list
    from florctl.orchestrate.answers.code import beside_previous
    from florctl.orchestrate.answers.versions import versions_of

    form = chosen_format(json, csv, plain)
    settings = _harvested()
    is_short = form is Format.table and on_terminal() and limit is None and not everything
    found = versions_of(settings.home, settings.project, name=name)
    if not found and form is Format.table:
        of = f" of {name}" if name else ""
        tell(f"flor: no version{of} was saved in {settings.project}")
        tell("hint: flor record train.py" if name is None else "hint: flor shadow list")
        return
    shown = found[: TERMINAL_VERSIONS if is_short else limit]
    show(version_list(beside_previous(shown, found)), form)
    if is_short and len(shown) < len(found):
        tell("flor: older versions are not shown")
        tell("hint: flor shadow list --all")


@shadow_app.command("show")
def show_version(
    version: VersionArgument,
    json: JsonOption = False,
    csv: CsvOption = False,
    plain: PlainOption = False,
) -> None:
    """Show one version: its run, the files it has changed, what it lacks.

    Example: flor shadow show @
    """
    from florctl.cli.views.render import show
    from florctl.cli.views.versions import version_page
    from florctl.orchestrate.answers.code import uncommitted

    form = chosen_format(json, csv, plain)
    found = _found(version, _harvested())
    show(version_page(found, uncommitted(found)), form)


@shadow_app.command("diff")
def diff_versions(
    version: VersionArgument,
    others: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION] [PATH]...",
            help="The later one, by default the working tree; only these files or folders.",
        ),
    ] = None,
    stat: Annotated[bool, typer.Option("--stat", help="Files and numbers of lines.")] = False,
    name_only: Annotated[bool, typer.Option("--name-only", help="Files alone.")] = False,
    json: JsonOption = False,
) -> None:
    """Compare the code of two versions, or of one and the working tree.

    Renamed files are found. The output is a patch that git apply takes.

    Example: flor shadow diff @~1 @ train.py
    """
    from florctl.cli.present import Format
    from florctl.cli.views.render import show
    from florctl.cli.views.summary import tell
    from florctl.cli.views.versions import diff_view, patch_bytes
    from florctl.orchestrate.answers.code import WORKING_TREE, code_diff
    from florlib.ground.errors import UsageError

    if stat and name_only:
        raise UsageError("--stat and --name-only exclude each other", hint="use --stat")
    settings = _harvested()
    old = _found(version, settings)
    new, paths = _sides(old, others or [], settings)
    brief = stat or name_only
    files = code_diff(old, new, settings.project, paths, patches=not brief)
    if not files:
        where = f" in {', '.join(paths)}" if paths else ""
        tell(
            f"flor: {old.label} and {new.label if new else WORKING_TREE} hold the same code{where}"
        )
    if brief or json:
        view = diff_view(old, new, files, name_only=name_only)
        show(view, Format.json if json else Format.table)
    elif files:
        typer.echo(patch_bytes(files), nl=False)


@shadow_app.command("merge")
def merge(version: VersionArgument, json: JsonOption = False) -> None:
    """Merge the code of a version into your branch, as git merge does.

    What is merged is the work that was uncommitted when the run began, on top of
    the commit that it stood on; no other version comes along.

    Example: flor shadow merge linear@3
    """
    from florctl.cli.views.render import show_json
    from florctl.cli.views.summary import tell
    from florctl.orchestrate.answers.merging import merge_version

    settings = _harvested()
    found = _found(version, settings)
    said = merge_version(found, version, settings.project)
    if json:
        show_json({"version": found.label, "commit": found.commit, "output": said})
    elif said:
        typer.echo(said)
    tell(f"flor: the code of {found.label} ({found.commit[:7]}) is in your branch")


@shadow_app.command("export")
def export(
    version: VersionArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="An empty folder, or one that is not there yet.")
    ],
    json: JsonOption = False,
) -> None:
    """Write all files of a version into a folder.

    Example: flor shadow export @~1 ../before
    """
    from florctl.cli.views.render import show_json
    from florctl.cli.views.summary import counted, tell
    from florctl.orchestrate.answers.code import export_version

    found = _found(version, _harvested())
    exported = export_version(found, folder)
    if json:
        show_json(
            {
                "version": found.label,
                "commit": found.commit,
                "folder": str(folder),
                "files": exported.files,
                "skipped": [{"path": path, "reason": reason} for path, reason in found.skipped],
                "warnings": list(exported.warnings),
            }
        )
    for text in exported.warnings:
        tell(f"warning: {text}")
    for path, reason in found.skipped:
        tell(f"warning: {path} is not part of the version: {reason}")
    tell(f"flor: wrote {counted(exported.files, 'file')} of {found.label} to {folder}")


def _harvested() -> Settings:
    settings = present_settings()
    harvest_now(settings.home)
    return settings


def _found(selector: str, settings: Settings) -> SavedVersion:
    from florctl.orchestrate.answers.versions import find_version

    return find_version(selector, settings.home, settings.project)


def _sides(
    old: SavedVersion, words: list[str], settings: Settings
) -> tuple[SavedVersion | None, list[str]]:
    """The later version, None for the working tree; and the paths that follow."""
    from florctl.orchestrate.answers.code import is_path, path_in_project
    from florlib.ground.errors import RevisionNotFound, RunNotFound

    def paths(words: list[str]) -> list[str]:
        return [path_in_project(word, Path.cwd(), settings.project) for word in words]

    if not words:
        return None, []
    try:
        return _found(words[0], settings), paths(words[1:])
    except (RevisionNotFound, RunNotFound):
        found = paths(words)
        if not is_path(old, settings.project, found[0]):
            raise
        return None, found
