"""What a script can see of objects that stay as they are in the live process: a flag, a count, a level.

Locks, loggers, progress bars and the like are not taken apart. But `while not event.is_set()` reads
one of them as it reads a variable. So their plain state is kept beside their name, and put back into
the object that the process has; where that cannot be, the checkpoint is refused.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Container, Mapping
from typing import Any

from florlib.ground.graph import UNSTEADY
from florlib.runtime.graph import kinds

State = dict[str, Any]


def state_of(value: Any) -> State:
    """The plain state of a bystander by name; nothing where it has none that is known.

    While threads of the script run, those of `threading` are theirs to change, and not kept.
    """
    for cls in type(value).__mro__:
        known = _KNOWN.get((cls.__module__, cls.__qualname__))
        if known is not None and (not known[2] or _is_alone()):
            return known[0](value)
    return {}


def parts_of(value: Any, put: Container[str]) -> list[tuple[str, Any]]:
    """What a bystander holds that is the script's, by name.

    Of a logger handlers, filters and all attributes put on it; of others data under names that
    the script's text puts on objects.

    Args:
        value: the bystander.
        put: those names.
    """
    logging = sys.modules.get("logging")
    attributes = getattr(value, "__dict__", None)
    if type(attributes) is not dict:
        return []
    if logging is not None and isinstance(value, logging.Logger):
        return [(name, item) for name, item in attributes.items() if name not in _OF_LOGGERS]
    return [
        (name, item)
        for name, item in attributes.items()
        if name in put and kinds.kind_of(item) in _DATA
    ]


_DATA = frozenset({"leaf", "tuple", "frozenset", "dict", "list", "set", "deque", "tensor", "array"})


_OF_LOGGERS = frozenset(
    "name level parent propagate disabled _cache manager root".split()
)  # the last two of the class, unless somebody sets them


def hidden_part(value: Any) -> str | None:
    """What a bystander hides that a script may come to see; None for nothing."""
    futures, logging = sys.modules.get("concurrent.futures"), sys.modules.get("logging")
    if futures is not None and isinstance(value, futures.Future):
        return "a Future, whose result another thread or process gives"
    if logging is not None and isinstance(value, logging.LogRecord):
        return "a LogRecord, which holds the time"
    if getattr(value, "buffer", None) and type(value).__module__ == "logging.handlers":
        return f"a {type(value).__name__} with records"
    return None


def can_show(value: Any, state: Mapping[str, Any]) -> bool:
    """Whether a live object has this state, or can be made to have it."""
    now = state_of(value)
    if now == state:
        return True
    known = _setter(value)
    return known is not None and now.keys() == state.keys() and known(value, state, True)


def show(value: Any, state: Mapping[str, Any]) -> None:
    """Make a live object have a state, of which `can_show` has said that it can."""
    known = _setter(value)
    if known is not None and state_of(value) != state:
        known(value, state, False)


_Setter = Callable[[Any, Mapping[str, Any], bool], bool]


def _setter(value: Any) -> _Setter | None:
    for cls in type(value).__mro__:
        known = _KNOWN.get((cls.__module__, cls.__qualname__))
        if known is not None:
            return known[1]
    return None


def _is_alone() -> bool:
    return sum(not one.name.startswith("flor-") for one in threading.enumerate()) <= 1


def _attributes(*names: str) -> tuple[Callable[[Any], State], _Setter]:
    def get(value: Any) -> State:
        return {name: getattr(value, name.removeprefix(UNSTEADY), None) for name in names}

    def put(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
        for name, item in () if only_asked else state.items():
            setattr(value, name.removeprefix(UNSTEADY), item)
        return True

    return get, put


def _set_logger(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    if not only_asked:
        for name, item in state.items():
            setattr(value, name, item)
        value.manager._clear_cache()  # which of them are enabled is remembered there
    return True


def _set_lock(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    if not only_asked:
        if state["locked"]:
            value.acquire(blocking=False)
        else:
            value.release()
    return True


def _set_finalizer(value: weakref.finalize[Any, Any], state: Any, only_asked: bool) -> bool:
    if state["alive"]:
        return False
    if not only_asked:
        value.detach()
    return True


def _thread_state(value: threading.Thread) -> State:
    state: State = {"started": value.ident is not None, "alive": value.is_alive()}
    if isinstance(value, threading.Timer):
        state["finished"] = value.finished.is_set()
    return state


def _set_thread(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    now = _thread_state(value)
    if any(now[name] != state[name] for name in ("started", "alive")):
        return False  # what ran cannot be made not to have run
    if not only_asked:
        (value.finished.set if state["finished"] else value.finished.clear)()
    return True


def _set_flag(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    if not only_asked:
        (value.set if state["set"] else value.clear)()
    return True


def _set_count(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    """A semaphore of the system: it is counted up or down; nobody else may wait for it."""
    while not only_asked and value._semlock._get_value() < state["value"]:
        value.release()
    while not only_asked and value._semlock._get_value() > state["value"]:
        value.acquire(block=False)
    return True


def _progress_state(value: Any) -> State:
    """Of rich's progress bars: how far each task is, and of how much."""
    return {f"{UNSTEADY}{t.id}": [_number(t.completed), _number(t.total)] for t in value.tasks}


def _number(value: Any) -> Any:
    return value if value is None or type(value) in (int, float) else float(value)


def _set_progress(value: Any, state: Mapping[str, Any], only_asked: bool) -> bool:
    for task in () if only_asked else value.tasks:
        task.completed, task.total = state[f"{UNSTEADY}{task.id}"]
    return True


# By class: what reads the state, what sets it, and whether threads may change it at any time.
_KNOWN: dict[tuple[str, str], tuple[Callable[[Any], State], _Setter, bool]] = {
    ("threading", "Event"): (*_attributes("_flag"), True),
    ("threading", "Semaphore"): (*_attributes("_value"), True),
    ("threading", "Thread"): (_thread_state, _set_thread, True),
    ("multiprocessing.synchronize", "Event"): (
        lambda value: {"set": value.is_set()},
        _set_flag,
        True,
    ),
    ("multiprocessing.synchronize", "Semaphore"): (
        lambda value: {"value": value._semlock._get_value()},
        _set_count,
        True,
    ),
    ("_thread", "lock"): (lambda value: {"locked": value.locked()}, _set_lock, True),
    ("weakref", "finalize"): (lambda value: {"alive": value.alive}, _set_finalizer, False),
    ("logging", "Logger"): (_attributes("level", "disabled", "propagate")[0], _set_logger, False),
    ("logging", "Handler"): (*_attributes("level"), False),
    ("rich.progress", "Progress"): (_progress_state, _set_progress, False),
    ("tqdm.std", "tqdm"): (*_attributes(UNSTEADY + "n"), False),
}
