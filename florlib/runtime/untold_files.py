"""Files that libraries write from C++ or Rust, of which no audit event tells.

Those of torch.save and of safetensors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from florlib.runtime.guard import os

Told = Callable[[str], None]
"""Is given the path of a file that is about to be written."""
_SAFETENSORS = ("safetensors", "safetensors.torch", "safetensors.numpy")
_watched: set[str] = set()


def watch_untold_files(when_saved: Told, when_kept: Told) -> None:
    """Have those of these libraries that are loaded tell what they write.

    Args:
        when_saved: is told of what torch.save writes; what it loads is opened in Python.
        when_kept: is told of what safetensors writes; what that reads, nothing tells.
    """
    torch = sys.modules.get("torch")
    if torch is not None and _is_new("torch"):
        _watch_writer(torch.serialization._open_zipfile_writer_file, when_saved)
    for name in _SAFETENSORS:
        module = sys.modules.get(name)
        if hasattr(module, "serialize_file") and _is_new(name):
            _watch_function(module, when_kept)


def _is_new(name: str) -> bool:
    known = name in _watched
    _watched.add(name)
    return not known


def _watch_writer(writer: Any, tell: Told) -> None:
    original = writer.__init__

    def __init__(opened: Any, name: Any, *rest: Any, **keywords: Any) -> None:
        tell(os.fspath(name))
        original(opened, name, *rest, **keywords)

    writer.__init__ = __init__


def _watch_function(module: Any, tell: Told) -> None:
    original = module.serialize_file

    def serialize_file(tensors: Any, filename: Any, *rest: Any, **keywords: Any) -> Any:
        tell(os.fspath(filename))
        return original(tensors, filename, *rest, **keywords)

    module.serialize_file = serialize_file
