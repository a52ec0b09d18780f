"""Options and arguments that commands share, and what the words given for them mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from florctl.orchestrate.settings import Settings
    from florlib.stores.catalog.rows import RunRow


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="@, @~2, NAME, NAME@3, a prefix of an id, or a git revision."
    ),
]
WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN[,RUN]... NAME...",
        help="The first word names runs, with commas between; the others what they have logged. "
        "With --where, all words are names.",
    ),
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="Runs by arguments, tags, status and last values: \"lr < 0.01 and status = 'done'\".",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, with a line of names.")]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="Print fields with tabs between, a row a line.")
]


def runs_and_names(
    words: list[str] | None, where: str | None, settings: Settings, example: str
) -> tuple[list[RunRow], list[str]]:
    """The runs and the names that a person means by `RUN[,RUN]... NAME...`.

    Raises:
        UsageError: there is no name, or no run; the hint is the example.
        FlorError: see `runs_chosen`.
    """
    from florctl.orchestrate.answers.selection import runs_chosen
    from florlib.ground.errors import UsageError

    given = list(words or [])
    selectors = given.pop(0).split(",") if given and where is None else []
    names = list(dict.fromkeys(given))
    if not names:
        missing = "no name of a logged value is given" if selectors or where else "no run is given"
        raise UsageError(missing, hint=example)
    return runs_chosen(selectors, where, settings.home, settings.project), names


def pairs(tags: list[str], example: str) -> dict[str, str]:
    """Tags that were typed as K=V.

    Raises:
        UsageError: one is none; the hint is the example.
    """
    from florlib.ground.errors import UsageError

    found = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not equals or not key:
            raise UsageError(f"{tag!r} is no tag", hint=example)
        found[key] = value
    return found


def given_bytes(text: str | None, hint: str) -> int | None:
    """A size that was typed; None where none was.

    Raises:
        UsageError: it is none; the hint shows a command with one.
    """
    from florctl.orchestrate.settings import byte_count
    from florlib.ground.errors import UsageError

    try:
        return None if text is None else byte_count(text)
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}", hint=hint) from error
