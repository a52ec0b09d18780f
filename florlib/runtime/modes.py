"""Switches of the process that change what later code computes or prints."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from florlib.runtime.guard import os

_HALF = 0.5
_PRINT_OPTIONS = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
_DECIMAL_OPTIONS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
_start_switch = sys.getswitchinterval()
_start_recursion = sys.getrecursionlimit()
_start_environ = dict(os.environ)
_start_bytes = dict(
    getattr(os.environ, "_data", os.environ)
)  # as CPython keeps it: equal without decoding
_start_folder = os.getcwd()
_first_path: list[str] = []  # of the first time that it was asked for, at the first loop's head


def modes() -> dict[str, Any]:
    """The switches as they are, those of libraries that are loaded.

    Of the environment and the working folder only what the script itself has changed is kept,
    so that no secret of the user's shell gets into a checkpoint.
    """
    found: dict[str, Any] = {"environ": _changed_environ(), "folder": _changed_folder()}
    found["collects"] = gc.isenabled()
    if sys.getswitchinterval() != _start_switch:
        found["switch"] = sys.getswitchinterval()
    if (path := _path()) != _usual_path():
        found["path"] = path
    found |= _logging()
    if sys.getrecursionlimit() != _start_recursion:
        found["recursion"] = sys.getrecursionlimit()
    if (decimals := _decimals()) is not None:
        found["decimal"] = decimals
    torch = sys.modules.get("torch")
    if torch is not None:
        options = torch._tensor_str.PRINT_OPTS
        found["grad"] = torch.is_grad_enabled()
        found["dtype"] = torch.get_default_dtype()
        found["deterministic"] = torch.are_deterministic_algorithms_enabled()
        found["threads"] = torch.get_num_threads()
        found["next hook"] = torch.utils.hooks.RemovableHandle.next_id
        found["torch"] = [get() for get, _ in _torch_switches(torch)]
        found["torch print"] = [getattr(options, name) for name in _PRINT_OPTIONS]
    found["denormals"] = _keeps_denormals()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        options = numpy.get_printoptions()
        found["numpy print"] = {
            name: options[name] for name in ("precision", "threshold", "edgeitems", "linewidth")
        }
        found["numpy errors"] = numpy.geterr()
    return found


def _keeps_denormals() -> bool:
    """Whether the processor counts with numbers below the normal ones in this thread."""
    return sys.float_info.min * _HALF != 0.0


def _torch_switches(torch: Any) -> list[tuple[Callable[[], Any], Callable[[Any], None]]]:
    """What reads and what sets a switch of torch that functions set and no attribute."""
    anomaly = (torch.is_anomaly_enabled, torch.is_anomaly_check_nan_enabled)
    found: list[tuple[Callable[[], Any], Callable[[Any], None]]] = [
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (torch.is_warn_always_enabled, torch.set_warn_always),
        (
            lambda: [get() for get in anomaly],
            lambda value: torch.autograd.set_detect_anomaly(*value),
        ),
        (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    ]
    for device in ("cpu", "cuda"):
        found += [
            (
                partial(torch.is_autocast_enabled, device),
                partial(torch.set_autocast_enabled, device),
            ),
            (partial(torch.get_autocast_dtype, device), partial(torch.set_autocast_dtype, device)),
        ]
    return found


def _logging() -> dict[str, Any]:
    """What the script has changed of logging; nothing where it is only loaded, by whomever."""
    logging = sys.modules.get("logging")
    if logging is None:
        return {}
    levels = {name: one.level for name, one in _changed_loggers(logging)}
    above = logging.root.manager.disable
    return {**({"logs above": above} if above else {}), **({"levels": levels} if levels else {})}


def _usual(logger: str) -> int:
    return 0 if logger else 30  # the root's is WARNING


def _changed_loggers(logging: Any) -> Iterator[tuple[str, Any]]:
    """The loggers that are no library's and of another level than usual; the root's is ""."""
    # Libraries make hundreds, of which few have a level.
    every = logging.root.manager.loggerDict.items()
    found = {name: one for name, one in every if getattr(one, "level", 0)}
    if logging.root.level != _usual(""):
        found[""] = logging.root
    return _own(logging, found)


def _loggers(logging: Any) -> Iterator[tuple[str, Any]]:
    """The loggers that are no library's; the root's is ""."""
    return _own(logging, {"": logging.root, **logging.root.manager.loggerDict})


def _own(logging: Any, loggers: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    there = [(name, one) for name, one in loggers.items() if isinstance(one, logging.Logger)]
    for name, one in sorted(there):
        library = name.partition(".")[0] in sys.modules and not name.startswith("__main__")
        if not library:
            yield name, one


def _set_levels(above: int, levels: dict[str, int]) -> None:
    import logging

    if logging.root.manager.disable != above:
        logging.disable(above)
    for name in {**dict(_loggers(logging)), **levels}:
        logger = logging.getLogger(name)  # made by the first who asks for it
        if logger.level != levels.get(name, _usual(name)):
            logger.setLevel(levels.get(name, _usual(name)))


def _decimals() -> dict[str, Any] | None:
    """How `decimal` calculates, where the script has changed that."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    now, usual = decimal.getcontext(), decimal.DefaultContext
    if all(getattr(now, name) == getattr(usual, name) for name in _DECIMAL_OPTIONS):
        return None
    return {name: getattr(now, name) for name in _DECIMAL_OPTIONS}


def _changed_environ() -> dict[str, str | None]:
    now = dict(getattr(os.environ, "_data", os.environ))
    if now == _start_bytes:
        return {}
    names = {os.fsdecode(name) for name, _ in now.items() ^ _start_bytes.items()}
    return {name: os.environ.get(name) for name in sorted(names)}


def _changed_folder() -> str | None:
    try:
        now = os.getcwd()
    except OSError:  # it was removed under the script
        return None
    return None if now == _start_folder else str(os.path.relpath(now, _start_folder))


def _path() -> list[int | str]:
    """Where code is found: what was there at first by its number, as folders differ by process."""
    first = _first()
    return [first.index(one) if one in first else one for one in sys.path]


def _first() -> list[str]:
    _first_path.extend([] if _first_path else sys.path)
    return _first_path


def _usual_path() -> list[int | str]:
    return [*range(len(_first()))]


def _set_path(path: list[int | str]) -> None:
    sys.path[:] = [_first()[one] if isinstance(one, int) else one for one in path]


def set_modes(values: dict[str, Any]) -> None:
    """Put back what `modes` gave; what a library of today does not know is left alone."""
    _set_environ(values.get("environ", {}))
    if "folder" in values:
        folder = values["folder"]
        os.chdir(_start_folder if folder is None else os.path.join(_start_folder, folder))
    if values and (path := values.get("path", _usual_path())) != _path():
        _set_path(path)
    if values.get("collects", gc.isenabled()) != gc.isenabled():
        (gc.enable if values["collects"] else gc.disable)()
    logging = sys.modules.get("logging")
    if logging is not None or "levels" in values or "logs above" in values:
        _set_levels(values.get("logs above", 0), values.get("levels", {}))
    if sys.getswitchinterval() != values.get("switch", _start_switch):
        sys.setswitchinterval(values.get("switch", _start_switch))
    recursion = values.get("recursion", _start_recursion)
    if sys.getrecursionlimit() != recursion:
        sys.setrecursionlimit(recursion)
    decimal = sys.modules.get("decimal")
    if decimal is not None:
        usual = {name: getattr(decimal.DefaultContext, name) for name in _DECIMAL_OPTIONS}
        for name, value in values.get("decimal", usual).items():
            setattr(decimal.getcontext(), name, value)
    torch = sys.modules.get("torch")
    if torch is not None and "grad" in values:
        torch.set_grad_enabled(values["grad"])
        torch.set_default_dtype(values["dtype"])
        if torch.are_deterministic_algorithms_enabled() != values["deterministic"]:
            torch.use_deterministic_algorithms(values["deterministic"])
        threads = values.get("threads", torch.get_num_threads())
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        # The number of the next hook: one that is there already would be overwritten by it.
        torch.utils.hooks.RemovableHandle.next_id = values.get(
            "next hook", torch.utils.hooks.RemovableHandle.next_id
        )
        switches = zip(_torch_switches(torch), values.get("torch", ()), strict=False)
        for (get, put), value in switches:
            if get() != value:
                put(value)
        if values.get("denormals", True) != _keeps_denormals():
            torch.set_flush_denormal(not values["denormals"])
        for name, value in zip(_PRINT_OPTIONS, values.get("torch print", ()), strict=False):
            setattr(torch._tensor_str.PRINT_OPTS, name, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy print" in values:
        numpy.set_printoptions(**values["numpy print"])
        numpy.seterr(**values["numpy errors"])


def _set_environ(changed: dict[str, str | None]) -> None:
    for name in {*changed, *_changed_environ()}:
        value = changed[name] if name in changed else _start_environ.get(name)
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
