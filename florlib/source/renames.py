"""Names that two versions of a file have for the same thing, found from statements that are alike."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher

_SURE = 0.75  # pairs less alike than this say nothing of single names
_KEPT = frozenset({"self", "cls", "flor"})
Evidence = tuple[str, tuple[str, ...], tuple[str, ...], float]


@dataclass(slots=True)
class Renames:
    """What became of names, and of attributes (which are written with a dot in front).

    Attributes:
        overall: by the recent word, the earlier one.
    """

    overall: dict[str, str] = field(default_factory=dict)
    _votes: dict[str, dict[str, Counter[str]]] = field(default_factory=dict, compare=False)
    _all_votes: dict[str, Counter[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def inferred(
        cls, evidence: Iterable[Evidence], kept: Collection[str], others: Collection[str]
    ) -> Renames:
        """From pairs of statements: (function, words, earlier words, likeness).

        Args:
            evidence: the pairs.
            kept: what is no name of the recent version's own.
            others: nor of the earlier one's.
        """
        loose: dict[str, Counter[str]] = {}
        votes: dict[str, dict[str, Counter[str]]] = {}
        every: dict[str, Counter[str]] = {}
        for function, recent, earlier, likeness in evidence:
            for ours, theirs in _facing(recent, earlier):
                if ours in kept or theirs in others:
                    continue
                loose.setdefault(ours, Counter())[theirs] += 1
                if likeness >= _SURE:
                    of_function = votes.setdefault(function, {})
                    of_function.setdefault(ours, Counter())[theirs] += 1
                    every.setdefault(ours, Counter())[theirs] += 1
        return cls(_majority(loose), votes, every)

    def all_of(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Words as the earlier version is taken to have them; the same object where none changes."""
        if not any(word in self.overall for word in words):
            return words
        return tuple(self.overall.get(word, word) for word in words)

    def of(self, word: str, function: str) -> str:
        """What a word of a function is called in the earlier version, where that is certain.

        It is where statements that are otherwise alike say so with one voice, and no other name has
        become the same.
        """
        said = self.said_of(word, function)
        return said[0] if len(said) == 1 else word

    def said_of(self, word: str, function: str) -> list[str]:
        """What statements that are alike say that a word of a function has become, sorted."""
        for votes in (self._votes.get(function, {}), self._all_votes):
            if word in votes:
                return sorted(votes[word])
        return []

    def rivals(self, word: str, other: str, function: str) -> list[str]:
        """Words of a function besides this one that have become the same other word."""
        votes = self._votes.get(function, {})
        votes = votes if word in votes else self._all_votes
        return sorted(name for name, counter in votes.items() if name != word and counter[other])


def unstored_builtins(tree: ast.Module) -> frozenset[str]:
    """The builtins that a file does not use as names of its own, as many use `input`."""
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
    return frozenset(dir(builtins)) - own


def _majority(votes: dict[str, Counter[str]]) -> dict[str, str]:
    """What most statements say has become of each word; no two words have become the same."""
    chosen = {word: counter.most_common(1)[0] for word, counter in votes.items()}
    best: dict[str, list[int]] = {}
    for other, count in chosen.values():
        best.setdefault(other, []).append(count)
    return {
        word: other
        for word, (other, count) in chosen.items()
        if other != word and count > votes[word][word]
        if count == max(best[other]) and best[other].count(count) == 1
    }


def _facing(recent: tuple[str, ...], earlier: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Words that stand at the same place in two statements."""
    blocks = SequenceMatcher(None, recent, earlier, autojunk=False).get_opcodes()
    for _, start, stop, begin, end in blocks:
        if stop - start == end - begin:
            for ours, theirs in zip(recent[start:stop], earlier[begin:end], strict=True):
                if _may_be_renamed(ours) and _is_like(ours, theirs):
                    yield ours, theirs


def _may_be_renamed(word: str) -> bool:
    return word not in _KEPT and word.removeprefix(".").isidentifier()


def _is_like(ours: str, theirs: str) -> bool:
    """Whether both are names, or both attributes."""
    return _may_be_renamed(theirs) and theirs.startswith(".") == ours.startswith(".")
