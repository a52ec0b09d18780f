"""Commands that people type all day, begun without typer, which takes four bare interpreters to load.

What stands in words.py, made from typer's own tree, is enough to read plain words. Whatever is not plain
(an unknown or abbreviated option, a value that begins with a hyphen, a missing word) is left to typer,
and so are its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

COMMANDS = {"log list": "list_runs", "log show": "show_run", "log get": "get_values"}
"""Functions of reading.py."""

_PARAMETERS = {"all": "all_runs"}
"""What an option is called there, where it is not as on the command line."""
_LISTS = ("columns", "best")
"""Options that may stand more than once."""


def command_of(words: Sequence[str]) -> Callable[[], None] | None:
    """What the words behind `flor` call for; None where they are for typer to read."""
    name = " ".join(words[:2])
    if name not in COMMANDS:
        return None
    from florctl.cli.words import TREE

    line = next(line for line in TREE.splitlines() if line.startswith(f"{name} | "))
    values = arguments_of(words[2:], line.split(" | ")[1:])
    if values is None:
        return None
    from florctl.cli import reading

    return partial(getattr(reading, COMMANDS[name]), **values)


def arguments_of(words: Sequence[str], parameters: Sequence[str]) -> dict[str, Any] | None:
    """The arguments that words give; None where they are not plain.

    >>> arguments_of(["@", "loss", "acc", "--json"], ["run=RUN", "names=[NAME]...", "--json"])
    {'json': True, 'run': '@', 'names': ['loss', 'acc']}
    >>> arguments_of(["--limit=3"], ["--limit=N"]), arguments_of(["--lim", "3"], ["--limit=N"])
    ({'limit': 3}, None)
    """
    known = dict(one.partition("=")[::2] for one in parameters)
    options = _Options({name: form for name, form in known.items() if name.startswith("-")})
    behind = iter(words)
    positional = []
    for word in behind:
        if not word.startswith("-"):
            positional.append(word)
        elif not options.take(word, behind):
            return None
    places = _placed(positional, [name for name in known if not name.startswith("-")], known)
    return None if places is None else {**options.values, **places}


class _Options:
    """Options as they are read.

    Attributes:
        values: by the name of the parameter.
    """

    def __init__(self, forms: dict[str, str]) -> None:
        """Begin.

        Args:
            forms: what stands for the value of each option, "" where it takes none.
        """
        self.values: dict[str, Any] = {}
        self._forms = forms

    def take(self, word: str, behind: Any) -> bool:
        """Read one option, with its value; whether it is plain."""
        name, equals, value = word.partition("=")
        form = self._forms.get(name)
        if form is None or (equals and not form):
            return False
        key = _PARAMETERS.get(name[2:], name[2:])
        if not form:
            self.values[key] = True
            return True
        text = value if equals else next(behind, "")
        return bool(text) and not text.startswith("-") and self._keep(key, form, text)

    def _keep(self, key: str, form: str, text: str) -> bool:
        if key in _LISTS:
            self.values.setdefault(key, []).append(text)
        elif key in self.values:
            return False
        elif form == "N":
            if not (text.isascii() and text.isdigit() and int(text)):
                return False
            self.values[key] = int(text)
        elif form == "DIR":
            from pathlib import Path

            self.values[key] = Path(text)
        else:
            self.values[key] = text
        return True


def _placed(words: list[str], names: Sequence[str], forms: dict[str, str]) -> dict[str, Any] | None:
    """The words that are no options, by the parameters for which they stand."""
    placed: dict[str, Any] = {}
    for name in names:
        if forms[name].endswith("..."):
            placed[name], words = words, []
        elif not words:
            return None
        else:
            placed[name], words = words[0], words[1:]
    return None if words else placed
