"""Who gives the code that a prompt executes: a command line, or a person at a terminal."""

from __future__ import annotations

import codeop
import sys
from contextlib import suppress
from typing import Protocol

from florlib.runtime.shell.code import Running, execute, exit_status, proceed, show_error
from florlib.runtime.shell.goals import Goal
from florlib.runtime.shell.names import Names

INTERRUPTED = 130


class Prompt(Protocol):
    """Executes what it is given, each time the script has come to where it was to."""

    def go_on(self, error: BaseException | None) -> Goal | int:
        """How far the script is to go on, or the exit status with which the prompt is left.

        Args:
            error: why the script did not come to where it was to; None where it did.
        """


class Given:
    """Executes code that came with the command."""

    def __init__(self, names: Names, code: str) -> None:
        self._running: Running = execute(code, "<string>", names, shown=False)

    def go_on(self, error: BaseException | None) -> Goal | int:
        """To where it lets the script go on, or to its end."""
        try:
            goal = proceed(self._running, error)
        except SystemExit as end:
            return exit_status(end)
        except BaseException as raised:  # noqa: BLE001  # whatever it is, it is told, and the end
            show_error(raised)
            return INTERRUPTED if isinstance(raised, KeyboardInterrupt) else 1
        return 0 if goal is None else goal


class Typed:
    """Reads what a person types, with Python's own prompt."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._running: Running | None = None
        self._count = 0
        with suppress(ImportError):
            _complete(names)

    def go_on(self, error: BaseException | None) -> Goal | int:
        """To where a person lets the script go on, or leaves."""
        while True:
            if self._running is None:
                if error is not None:
                    show_error(error)
                source = self._read()
                if source is None:
                    return 0
                self._count += 1
                file = f"<shell {self._count}>"
                self._running, error = execute(source, file, self._names, shown=True), None
            try:
                goal = proceed(self._running, error)
            except SystemExit as end:
                return exit_status(end)
            except BaseException as raised:  # noqa: BLE001  # as at any prompt
                show_error(raised)
                goal = None
            if goal is not None:
                return goal
            self._running = error = None

    def _read(self) -> str | None:
        """The next statement that is whole; None at the end."""
        lines: list[str] = []
        while True:
            try:
                lines.append(input("... " if lines else ">>> "))
            except EOFError:
                sys.stdout.write("\n")
                return None
            except KeyboardInterrupt:
                sys.stdout.write("\nKeyboardInterrupt\n")
                lines.clear()
                continue
            source = "\n".join(lines)
            try:
                whole = codeop.compile_command(source, "<shell>", "single") is not None
            except (OverflowError, SyntaxError, ValueError) as error:
                error.__traceback__ = None
                show_error(error)
                lines.clear()
                continue
            if whole and source.strip():
                return source
            if whole:
                lines.clear()


def _complete(names: Names) -> None:
    """Have the tabulator key complete names.

    Raises:
        ImportError: this Python has no readline.
    """
    import readline
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(names.mapping).complete)
    # The one of macOS is libedit, which takes other words.
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
