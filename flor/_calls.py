"""The calls of the facade; each passes through where no session is active."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

from flor._active import runtime

T = TypeVar("T")


@overload
def loop(
    items: Iterable[T], *, name: str | None = ..., probed: bool | None = ...
) -> Iterable[T]: ...
@overload
def loop(
    items: str, iterable: Iterable[T], *, name: str | None = ..., probed: bool | None = ...
) -> Iterable[T]: ...
def loop(
    items: Any, iterable: Any = None, *, name: str | None = None, probed: bool | None = None
) -> Iterable[Any]:
    """Go over an iterable as a loop that flor follows.

    The outermost such loop is the main loop; others are nested. Also `loop("epoch", iterable)`.

    Args:
        items: what to go over, or the loop's name.
        iterable: what to go over, where the name came first.
        name: in positions; the loop's target by default.
        probed: in a replay, True steps into a nested loop and False skips it; by default flor
            finds out which.
    """
    if isinstance(items, str) and iterable is not None:
        items, name = iterable, items
    active = runtime()
    followed: Iterable[Any] = items if active is None else active.explicit_loop(items, name, probed)
    return followed


def log(name: str, value: T) -> T:
    """Log a value under a name at the present position; returns the value itself."""
    active = runtime()
    if active is not None:
        active.log(name, value)
    return value


def histogram(values: Any, bins: int | Sequence[float] = 30) -> Any:
    """How numbers are spread, to be logged: `flor.log("grad", flor.histogram(weight.grad))`.

    The numbers are copied, and counted when they are written; where no run is recorded or replayed
    they are not looked at. NaN and infinities are counted apart.

    Args:
        values: a tensor, an array, or a list of numbers; None gives None.
        bins: how many of one width, from the least number to the greatest; or their edges. By
            default as many as TensorBoard has.

    Raises:
        ValueError: the bins make no sense.
    """
    from florlib.runtime.histograms import Sample, checked_bins

    wanted, active = checked_bins(bins), runtime()
    return Sample(None, wanted) if active is None else active.histogram(values, wanted)


def arg(name: str, default: Any = None) -> Any:
    """The value given as `--kwargs name=value`, else the default; recorded either way.

    In a replay it is the recorded one.
    """
    active = runtime()
    if active is None:
        from florlib.runtime.arguments import given_argument

        return given_argument(name, default)
    return active.argument(name, default)


def checkpoints(*objects: Any, **named: Any) -> None:
    """Name objects whose state matters. flor finds them by itself; naming them does no harm."""
    active = runtime()
    if active is not None:
        active.add_roots(objects, named)


@contextlib.contextmanager
def checkpointing(**named: Any) -> Iterator[None]:
    """`with checkpointing(model=net, optimizer=opt):`, as FlorDB spells `checkpoints`."""
    checkpoints(**named)
    yield


@contextlib.contextmanager
def iteration(name: str, index: int | None = None, value: Any = None) -> Iterator[None]:
    """One turn of a loop that the script counts itself, as FlorDB spells it."""
    active = runtime()
    if active is None:
        yield
        return
    with active.iteration(name, index):
        yield


@contextlib.contextmanager
def probe() -> Iterator[None]:
    """A stretch of code whose effects on generators and on training are undone."""
    active = runtime()
    if active is None:
        yield
        return
    with active.guard():
        yield


def commit() -> None:
    """Write everything that was logged so far; the version is saved when a run begins."""
    active = runtime()
    if active is not None:
        active.session.flush()


class MTK:
    """The names of the original Flor: `from flor import MTK as Flor`."""

    @staticmethod
    def loop(
        items: Iterable[T], name: str | None = None, probed: bool | None = None
    ) -> Iterable[T]:
        """See `flor.loop`."""
        return loop(items, name=name, probed=probed)

    checkpoints = staticmethod(checkpoints)
    log = staticmethod(log)
    arg = staticmethod(arg)
    commit = staticmethod(commit)
