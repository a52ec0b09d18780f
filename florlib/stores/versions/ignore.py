"""Ignore rules: which paths git leaves alone, and which ones `.florignore` brings back."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

from dulwich.ignore import default_user_ignore_filter_path, read_ignore_patterns, translate
from dulwich.repo import Repo
from dulwich.wildmatch import MalformedPattern

from florlib.stores.versions.configuration import configuration

GIT_RULES = b".gitignore"
FLOR_RULES = b".florignore"

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # git skips it (dir.c, add_patterns_from_buffer)


class Verdict(Enum):
    """What the rules say of a path: nothing, leave it, or save it whatever the policy says."""

    NONE = 0
    IGNORED = 1
    INCLUDED = 2


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file, as gitignore(5) describes it."""

    regex: re.Pattern[bytes]
    negated: bool
    directories_only: bool


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The patterns of one file, last line first, and where the paths that they see begin."""

    patterns: tuple[Pattern, ...]
    start: int

    def ignores(self, path: bytes, is_directory: bool) -> bool | None:
        """True or False as the last matching line says, None where none matches."""
        seen = path[self.start :]
        for pattern in self.patterns:
            if pattern.directories_only and not is_directory:
                continue
            if pattern.regex.match(seen):
                return not pattern.negated
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules that apply in one folder, weakest file first."""

    git: tuple[RuleFile, ...]
    flor: tuple[RuleFile, ...]
    ignore_case: bool

    def entering(self, folder: bytes, names: Collection[bytes], start: int) -> Rules:
        """The rules inside a folder, whose own files outrank those above it.

        Args:
            folder: its path, to open files in.
            names: what it holds.
            start: length of its path from the root of the project, with the slash at its end.
        """
        rules = self
        for name in (GIT_RULES, FLOR_RULES):
            if name not in names:
                continue
            # Git follows no link here: its target may lie outside of the repository.
            found = read_rules(folder + b"/" + name, start, self.ignore_case, os.O_NOFOLLOW)
            if found is None:
                continue
            if name == GIT_RULES:
                rules = replace(rules, git=(*rules.git, found))
            else:
                rules = replace(rules, flor=(*rules.flor, found))
        return rules

    def verdict(self, path: bytes, is_directory: bool) -> Verdict:
        """Judge a path whose parent folders are not ignored; `.florignore` has the first word."""
        ours = _last_word(self.flor, path, is_directory)
        if ours is not None:
            return Verdict.IGNORED if ours else Verdict.INCLUDED
        return Verdict.IGNORED if _last_word(self.git, path, is_directory) else Verdict.NONE


def rule_files(repo: Repo) -> list[str]:
    """Where rules stand outside of the working tree, weakest first.

    info/exclude outranks core.excludesFile, as in git; dulwich ranks them the other way round.
    """
    personal = os.path.expanduser(default_user_ignore_filter_path(configuration(repo)))
    return [personal, os.path.join(repo.commondir(), "info", "exclude")]


def rules_of(repo: Repo) -> Rules:
    """The rules of those files."""
    ignore_case = configuration(repo).get_boolean((b"core",), b"ignorecase", False) is True
    files = (read_rules(os.fsencode(path), 0, ignore_case) for path in rule_files(repo))
    return Rules(tuple(file for file in files if file is not None), (), ignore_case)


def read_rules(path: bytes, start: int, ignore_case: bool, flags: int = 0) -> RuleFile | None:
    """Read an ignore file; None where it cannot be opened (with `flags` beside O_RDONLY)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        found = [_pattern(line, ignore_case) for line in read_ignore_patterns(file)]
    return RuleFile(tuple(pattern for pattern in reversed(found) if pattern), start)


def _pattern(line: bytes, ignore_case: bool) -> Pattern | None:
    negated = line.startswith(b"!")
    body = line[1:] if negated else line
    if body.startswith((b"\\!", b"\\#")):
        body = body[1:]
    name = body.rstrip(b"/")
    if not name:
        return None
    try:
        regex = re.compile(translate(name), re.IGNORECASE if ignore_case else 0)
    except MalformedPattern:
        return None  # matches nothing in git as well
    return Pattern(regex, negated, body.endswith(b"/"))


def _last_word(files: tuple[RuleFile, ...], path: bytes, is_directory: bool) -> bool | None:
    for file in reversed(files):
        said = file.ignores(path, is_directory)
        if said is not None:
            return said
    return None
