"""The run's arguments: what argparse parsed, and what `flor.arg` was asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from florlib.ground.values import encode_value
from florlib.runtime.guard import guarded
from florlib.runtime.logbook import plain
from florlib.runtime.session import Session

_MARK = "flor_original"


def watch_argparse(session: Session) -> None:
    """Record the results of the script's own parsers, from its first parse on.

    argparse is imported only by scripts whose source names it; their parsers behave as before.
    """
    import argparse

    original = argparse.ArgumentParser.parse_known_args
    if hasattr(original, _MARK):
        return
    depth = 0

    def parse_known_args(parser: Any, *words: Any, **keywords: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            parsed = original(parser, *words, **keywords)
        finally:
            depth -= 1
        if depth == 0 and session.active:
            with guarded("record the arguments"):
                record_arguments(session, vars(parsed[0]), "argparse")
        return parsed

    parse_known_args.__doc__ = original.__doc__
    setattr(parse_known_args, _MARK, original)
    argparse.ArgumentParser.parse_known_args = parse_known_args  # type: ignore[method-assign, assignment]


def record_arguments(session: Session, values: Mapping[str, Any], source: str) -> None:
    """Write named values into the journal as arguments of the run."""
    for name, value in values.items():
        content = encode_value(plain(value))
        session.append({"kind": "arg", "name": name, "value": content, "source": source})


def argument(session: Session, name: str, default: Any) -> Any:
    """`flor.arg`: the recorded value in a replay, else the given one, else the default."""
    recorded = session.recorded_arguments()
    value = recorded[name] if name in recorded else given_argument(name, default)
    record_arguments(session, {name: value}, "flor.arg")
    return value


def given_argument(name: str, default: Any) -> Any:
    """The value given as `--kwargs name=value`, else the default.

    A given text takes the default's type; "true" and "false" are booleans where it is one.
    """
    given = given_arguments(sys.argv)
    return _typed(given[name], default) if name in given else default


def given_arguments(argv: list[str]) -> dict[str, str]:
    """The pairs that follow `--kwargs` on a command line.

    >>> given_arguments(["train.py", "--kwargs", "lr=0.1", "epochs=3"])
    {'lr': '0.1', 'epochs': '3'}
    """
    if "--kwargs" not in argv:
        return {}
    pairs = {}
    for word in argv[argv.index("--kwargs") + 1 :]:
        name, equals, value = word.partition("=")
        if not equals or word.startswith("-"):
            break
        pairs[name] = value
    return pairs


def _typed(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return text.lower() in ("1", "true", "yes", "on")
    if isinstance(default, int | float):
        return type(default)(text)
    return text
