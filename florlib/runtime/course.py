"""The course of a nested loop: what it goes over, where that can be entered in its middle.

Sequences are asked for their items by number, DataLoaders are driven by their samplers;
`enumerate`, `zip` and tqdm may stand around them. Everything else (a generator, an
IterableDataset, a sampler of the user's own) has to be gone through from its start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from florlib.runtime.loops import Items, Turns
from florlib.runtime.parts import DrawWatch, Enumerated, NotEntered, Part, part_of, zipped


class Course:
    """What a nested loop goes over, entered at any of its items."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._begun = False

    @classmethod
    def of(cls, items: Items, iterable: Any = None) -> Course | None:
        """The course of a loop's items; None where it has to be gone through from its start.

        Args:
            items: what the loop goes over.
            iterable: their value, where they have been evaluated.
        """
        part = _part_of_call(items)
        if part is None and items.call not in (enumerate, zip):
            whole = items.evaluate() if iterable is None else iterable
            part = Part() if isinstance(whole, Turns) else part_of(whole)
        return None if part is None else cls(part)

    @property
    def total(self) -> int | None:
        """How many items there are, as far as is known."""
        return self._part.total

    def roots(self, name: str) -> dict[str, Any]:
        """The objects that the items come from, for a checkpoint to hold, by name."""
        return {f"{name}[{n}]": root for n, root in enumerate(self._part.roots)}

    def enter(self, at: int, index: int) -> None:
        """Begin as the loop does, or go on from where it stands, up to an item.

        Args:
            at: the item that would come next.
            index: the one that is to come.

        Raises:
            NotEntered: the items between cannot be passed over.
        """
        begun, self._begun = self._begun, True
        if not begun:
            self._part.begin(index)
        watch = DrawWatch(self._part, begun=begun)
        self._part.drive(at, index, watch)
        watch.check()

    def rest(self, roots: Mapping[str, Any], name: str) -> Iterator[Any]:
        """The items that are left, from the objects that a restore has left in place.

        Raises:
            NotEntered: an object that cannot be exchanged had to be made anew.
        """
        present = self.roots(name)
        self._part.replace(iter([roots.get(key, one) for key, one in present.items()]))
        return self._part.rest()


def _part_of_call(items: Items) -> Part | None:
    """The part that a call would make, without making it: so its arguments can be driven."""
    if items.call is enumerate and items.arguments and not items.keywords.keys() - {"start"}:
        first, *start = items.arguments
        inner = part_of(first)
        number = start[0] if start else items.keywords.get("start", 0)
        return None if inner is None else Enumerated(inner, number)
    if items.call is zip:
        return zipped(items.arguments, strict=bool(items.keywords.get("strict")))
    return None


__all__ = ["Course", "NotEntered"]
