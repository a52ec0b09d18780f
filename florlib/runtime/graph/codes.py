"""Which piece of the user's code a function runs, told so that another process finds the same one.

A function that no global name leads to, a lambda or one that another function has made, is known
by the place of its code: the names of what it is nested in, and which of its name it is there.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

from florlib.ground.checkpoint_format import digest

_LAMBDA = "<lambda>"
_loaded: dict[str, tuple[str, types.CodeType]] = {}  # by file: name of the module, its code
_places: dict[str, dict[int, list[Any]]] = {}  # by file, and id of a code


def remember(module: str, code: types.CodeType) -> None:
    """Note the code of one of the user's modules, as it is about to run."""
    _loaded[code.co_filename] = (module, code)
    _places.pop(code.co_filename, None)


def loaded_modules() -> list[types.CodeType]:
    """The codes of all modules of the user's that were noted."""
    return [code for _, code in list(_loaded.values())]


def code_place(function: types.FunctionType) -> list[Any]:
    """[module, path, what the code does], for a function's code.

    The last is there for a lambda alone. Probes may bring lambdas of their own, and none is added
    to one; a function of a name may hold probes, and is told apart by its number.
    """
    code = function.__code__
    file = code.co_filename
    if file in _loaded and file not in _places:
        module, outermost = _loaded[file]
        _places[file] = {id(part): [module, *place] for part, place in _nested(outermost, "")}
    known = _places.get(file, {}).get(id(code))
    if known is not None:
        return known
    return ["", function.__qualname__, _deed(code)]


def find_code(place: list[Any]) -> types.CodeType | None:
    """The code that a place leads to in this process; None where there is none."""
    module, *wanted = place
    for name, outermost in _loaded.values():
        if name == module:
            for part, found in _nested(outermost, ""):
                if list(found) == wanted:
                    return part
    return None


def new_function(place: list[Any]) -> types.FunctionType | None:
    """A function with the code of a place and cells of its own; None where there is none."""
    code = find_code(place)
    module = sys.modules.get(place[0])
    if code is None or module is None:
        return None
    cells = tuple(types.CellType() for _ in code.co_freevars)
    return types.FunctionType(code, vars(module), closure=cells or None)


def has_cells_alone(function: types.FunctionType) -> bool:
    """Whether no other function and no running frame sees a function's variables.

    A cell that is seen from elsewhere is referred to by more than the tuple of the closure, the
    variable of this loop and the argument of getrefcount.
    """
    return all(sys.getrefcount(cell) <= 3 for cell in function.__closure__ or ())


def _nested(
    code: types.CodeType, path: str
) -> Iterator[tuple[types.CodeType, tuple[str, str | None]]]:
    met: dict[str, int] = {}
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            name, deed = part.co_name, _deed(part)
            met[name] = met.get(name, 0) + 1
            inside = path + (name if deed or met[name] == 1 else f"{name}#{met[name]}")
            yield part, (inside, deed)
            yield from _nested(part, inside + ".")


def _deed(code: types.CodeType) -> str | None:
    return _behaviour(code) if code.co_name == _LAMBDA else None


def _behaviour(code: types.CodeType) -> str:
    constants = [
        _behaviour(item) if isinstance(item, types.CodeType) else repr(item)
        for item in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return digest(code.co_code + repr((constants, names)).encode("utf-8", "backslashreplace"))
