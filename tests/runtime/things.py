"""Classes and functions that stand in for a user's: the graph tests capture what hangs on them."""

from __future__ import annotations

import enum
from collections import OrderedDict, namedtuple
from typing import Any

Pair = namedtuple("Pair", "left right")


class Colour(enum.Enum):
    """An enum of the user's."""

    RED = 1
    GREEN = "g"


class Access(enum.Flag):
    """Flags, whose combinations are no members."""

    READ = 1
    WRITE = 2


class Thing:
    """An object with a `__dict__`."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def count(self) -> int:
        """Something to bind."""
        self.calls = getattr(self, "calls", 0) + 1
        return int(self.calls)


class Slotted:
    """An object with `__slots__`, one of them private."""

    __slots__ = ("__hidden", "left", "right")

    def hide(self, value: Any) -> None:
        """Set the private slot."""
        self.__hidden = value

    def hidden(self) -> Any:
        """The private slot."""
        return self.__hidden


class Both(Slotted):
    """Slots of a base, and a `__dict__`."""


class Tally:
    """A class with attributes that running changes."""

    total = 0
    seen: list[int] = []  # noqa: RUF012  # shared on purpose


class Stack(list):  # type: ignore[type-arg]
    """A list with an attribute."""

    name = "stack"


class Table(OrderedDict):  # type: ignore[type-arg]
    """An ordered dict of the user's."""


class Watched:
    """Complains when anybody sets an attribute."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} is set by nobody")


def counter() -> Any:
    """A function that counts its calls in a closure."""
    calls = 0
    history: list[int] = []

    def count() -> int:
        nonlocal calls
        calls += 1
        history.append(calls)
        return calls

    return count


def remember(value: Any, memory: list[Any] = []) -> list[Any]:  # noqa: B006  # shared on purpose
    """A function that remembers in a default."""
    memory.append(value)
    return memory


class Unhashable(type):
    """A metaclass whose classes can be compared, and are no keys."""

    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None


class Counted(metaclass=Unhashable):
    """A class that no dictionary takes as a key."""

    count = 0
