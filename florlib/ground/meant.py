"""Words that somebody who mistyped one may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def meant(word: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.5) -> list[str]:
    """The known words that are most like another, the likeliest first.

    Args:
        word: that was typed.
        known: words that could have been.
        most: how many are given.
        cutoff: how alike they are at least, from 0 to 1.

    >>> meant("lsos", ["loss", "lr", "acc"])
    ['loss']
    """
    from difflib import get_close_matches  # takes as long to import as all that a command shows

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)
