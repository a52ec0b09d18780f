"""What the interpreter was asked to run, read from its own command line."""

from __future__ import annotations

import os
from collections.abc import Sequence

_WITH_VALUE = "XW"


def entry_point(words: Sequence[str]) -> tuple[str, str] | None:
    """("script", path) or ("module", name); None for -c, standard input or a prompt.

    Args:
        words: `sys.orig_argv`, the interpreter first.

    >>> entry_point(["python", "-u", "-Xdev", "train.py", "--lr", "1"])
    ('script', 'train.py')
    >>> entry_point(["python", "-um", "pkg.train"])
    ('module', 'pkg.train')
    >>> entry_point(["python", "-c", "1"]) is None
    True
    """
    n = 1
    while n < len(words):
        word = words[n]
        if word == "-":
            return None
        if not word.startswith("-"):
            return "script", word
        if word == "--":
            return ("script", words[n + 1]) if n + 1 < len(words) else None
        if word.startswith("--"):
            n += 2 if word == "--check-hash-based-pycs" else 1
            continue
        found, takes_next = _short_options(word, words[n + 1 : n + 2])
        if found is not None:
            return found if found[0] else None
        n += 2 if takes_next else 1
    return None


def _short_options(word: str, following: Sequence[str]) -> tuple[tuple[str, str] | None, bool]:
    for n, letter in enumerate(word[1:], 1):
        rest = word[n + 1 :]
        if letter == "c":
            return ("", ""), False
        if letter == "m":
            return ("module", rest or next(iter(following), "")), False
        if letter in _WITH_VALUE:
            return None, not rest
    return None, False


def same_file(one: str, other: str) -> bool:
    """Whether two spellings lead to one path; CPython makes a script's path absolute."""
    return os.path.abspath(one) == os.path.abspath(other)
