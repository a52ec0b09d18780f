"""What a shell completes behind `flor`: commands, options, runs and logged names.

A person waits for it at each press of a key, so nothing here imports typer or brings the catalog up to
date: the words stand in words.py, runs and names are read as the last command left them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from florctl.cli.words import TREE
from florlib.stores.catalog.typing_ahead import Offered

_CATALOG = "catalog.db"  # as florlib.ground.layout has it, whose data classes take too long to make
_CHOICES = re.compile(r"<?([a-z0-9]+(?:\|[a-z0-9]+)+)>?")
_NAMED = ("log get", "log tail")
"""Commands whose NAME is one that the run before it has logged."""


def completions(words: Sequence[str], home: Path, project: Path) -> list[str]:
    """What may stand in place of the last of the words behind `flor`; none where a file may.

    >>> completions(["log", "pi"], Path("/none"), Path("/none"))
    ['pivot']
    """
    command, given, incomplete = _command(words)
    found = _candidates(command, given, incomplete, Offered(f"{home}/{_CATALOG}", str(project)))
    return [one for one in found if one.startswith(incomplete)]


def _command(words: Sequence[str]) -> tuple[str, list[str], str]:
    """The command that words name, those behind its name but the last, and the last."""
    *before, incomplete = words or [""]
    command = ""
    while before and f"{command} {before[0]}".strip() in _TREE:
        command = f"{command} {before.pop(0)}".strip()
    return command, before, incomplete


def _parsed(text: str) -> dict[str, dict[str, str]]:
    """By command, its parameters: of an option or an argument, what stands for its value, or ""."""
    found: dict[str, dict[str, str]] = {"": {"--version": "", "--help": ""}}
    for line in text.splitlines():
        command, *parameters = line.split(" | ")
        pairs = (one.partition("=") for one in parameters)
        found[command] = {name: metavar for name, _, metavar in pairs}
        found[command]["--help"] = ""
    return found


_TREE = _parsed(TREE)


def _candidates(
    command: str, given: Sequence[str], incomplete: str, catalog: Offered
) -> Iterator[str]:
    parameters = _TREE[command]
    if given and given[-1].startswith("-") and parameters.get(given[-1]):
        yield from _of_option(given[-1], parameters[given[-1]], incomplete, catalog)
        return
    if incomplete.startswith("-"):
        yield from (name for name in parameters if name.startswith("-") and name not in given)
        return
    below = f"{command} ".lstrip()
    children = [
        one[len(below) :] for one in _TREE if one.startswith(below) and " " not in one[len(below) :]
    ]
    if any(children):
        yield from (child for child in children if child and not given)
        return
    arguments = [metavar for name, metavar in parameters.items() if not name.startswith("-")]
    positional = list(_positional(given, parameters))
    if arguments:
        at = min(len(positional), len(arguments) - 1)
        if at == len(positional) or arguments[at].endswith("..."):
            where = "--where" in given
            yield from _of_argument(command, arguments[at], positional, incomplete, catalog, where)


def _positional(given: Sequence[str], parameters: dict[str, str]) -> Iterator[str]:
    before = ""
    for word in given:
        if not word.startswith("-") and not parameters.get(before):
            yield word
        before = word if word.startswith("-") else ""


def _of_option(name: str, metavar: str, incomplete: str, catalog: Offered) -> Iterator[str]:
    choices = _CHOICES.fullmatch(metavar)
    if choices:
        yield from choices[1].split("|")
    elif name == "--name":
        yield from catalog.run_names()
    elif name in ("--columns", "--sort"):
        kept = incomplete.rpartition(",")[0]
        yield from (f"{kept},{one}" if kept else one for one in catalog.logged_names())
    elif name == "--best":
        yield from (f"{how}:{one}" for how in ("min", "max") for one in catalog.logged_names())


def _of_argument(
    command: str,
    metavar: str,
    before: Sequence[str],
    incomplete: str,
    catalog: Offered,
    has_where: bool,
) -> Iterator[str]:
    choices = _CHOICES.fullmatch(metavar)
    if choices:
        yield from choices[1].split("|")
    elif "[,RUN]" in metavar:  # the first word names runs, unless an expression does
        if has_where:
            yield from catalog.logged_names()
        elif before:
            yield from catalog.names_of(before[0].split(","))
        else:
            kept = incomplete.rpartition(",")[0]
            last = incomplete.rpartition(",")[2]
            yield from (f"{kept},{one}" if kept else one for one in catalog.selectors(last))
    elif "RUN" in metavar or metavar == "[[A] B]":
        yield from catalog.selectors(incomplete)
    elif "NAME" in metavar and command in _NAMED and before:
        yield from catalog.names_of(list(before[:1]))


def main(words: Sequence[str]) -> int:
    """Print what `flor _complete [--line LINE BREAKS | WORD...]` asks for, a word a line.

    Args:
        words: behind `_complete`: those behind `flor`, the last as far as it is typed; or for bash
            the line up to the cursor, and at which characters bash has words end.
    """
    import os
    import sys

    from florctl.orchestrate.folders import home_of, project_of

    if words[:1] == ["--line"]:
        line, breaks = words[1], words[2]
        typed = _split(line)[1:]
    else:
        typed, breaks = list(words), ""
    found = completions(typed, home_of(os.environ), project_of(Path.cwd()))
    # bash puts what it is given in place of what follows the last such character.
    last = typed[-1] if typed else ""
    kept = max((last.rfind(one) for one in breaks), default=-1) + 1
    sys.stdout.write("".join(f"{one[kept:]}\n" for one in found))
    return 0


def _split(line: str) -> list[str]:
    """The words of an unfinished line.

    >>> _split("flor log get 'my ru"), _split("flor log ")
    (['flor', 'log', 'get', 'my ru'], ['flor', 'log', ''])
    """
    import shlex

    for quote in ("", "'", '"'):
        try:
            words = shlex.split(line + quote)
        except ValueError:
            continue
        return [*words, ""] if line[-1:].isspace() and not quote else words
    return line.split(" ")


def tree_lines() -> Iterator[str]:
    """The lines of words.py: each command with its parameters."""
    import typer

    from florctl.cli.app import app

    root: Any = typer.main.get_command(app)
    below = [("", root)]
    while below:
        name, command = below.pop(0)
        context = typer.Context(command)
        parts = [name]
        for parameter in command.params:
            metavar = parameter.metavar or parameter.make_metavar(context)
            if parameter.param_type_name == "argument":
                parts.append(f"{parameter.name}={metavar}")
            else:
                value = "" if parameter.is_flag else metavar
                parts += [
                    f"{each}={value}" for each in (*parameter.opts, *parameter.secondary_opts)
                ]
        if name:
            yield " | ".join(part.removesuffix("=") for part in parts)
        children = command.list_commands(context) if hasattr(command, "list_commands") else []
        below += [
            (f"{name} {child}".strip(), command.get_command(context, child)) for child in children
        ]
