"""How every flor command ends: one line of error, one hint, its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from florlib.ground.errors import FlorError


def ended(run: Callable[[], object]) -> int:
    """Run a command to its end.

    Args:
        run: does what is asked, and returns an exit status, or something else where it is 0.

    Returns:
        The exit status.
    """
    try:
        status = run()
        sys.stdout.flush()  # here, not at the interpreter's end, it is found that nobody reads any more
    except FlorError as error:
        for line in error.details:
            _say(line)
        return failed(error.message, error.hint, error.exit_status)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_stdout()
        return 1  # as typer does where it sees it first
    return status if isinstance(status, int) else 0


def failed(message: str, hint: str | None, status: int) -> int:
    """Say what happened to which thing, and what to do about it; returns the status."""
    _say(f"error: {message}")
    if hint:
        _say(f"hint: {hint}")
    return status


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201  # unlike `tell`, it leaves stdout alone, which may be broken


def _discard_stdout() -> None:
    """Send the rest of the output nowhere, or Python complains about the pipe when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
