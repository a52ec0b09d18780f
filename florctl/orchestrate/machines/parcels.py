"""Files on their way to another machine: packed in chunks here, laid out there.

Stands on the standard library alone, as it is sent along with what uses it there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

CHUNK_BYTES = 32 << 20  # of a file that is larger, so that neither end holds it whole


class Item(NamedTuple):
    """One thing to send.

    Attributes:
        name: its path there, relative.
        source: of a file or folder, its path here; of a link, where it leads.
        is_link: whether it is a link there.
    """

    name: str
    source: str
    is_link: bool = False


Entry = tuple[str, str, int, int, Any]
"""(name, "file", "link" or "folder", mode, ns of last change, content): packed."""


def pack(items: Iterable[Item], keep: Callable[[bytes], Any]) -> list[Entry]:
    """Read what is to be sent.

    Args:
        items: to be sent; a file that is gone meanwhile is left out.
        keep: gives for a chunk what stands for it on the way.

    Raises:
        OSError: a file cannot be read.
    """
    return [entry for item in items if (entry := _packed(item, keep)) is not None]


def _packed(item: Item, keep: Callable[[bytes], Any]) -> Entry | None:
    if item.is_link:
        return (item.name, "link", 0, 0, item.source)
    try:
        about = os.stat(item.source)
        if stat.S_ISDIR(about.st_mode):
            return (item.name, "folder", 0, 0, None)
        with open(item.source, "rb") as file:
            chunks = [keep(chunk) for chunk in iter(lambda: file.read(CHUNK_BYTES), b"")]
    except FileNotFoundError:
        return None
    return (item.name, "file", stat.S_IMODE(about.st_mode), about.st_mtime_ns, chunks)


def lay(root: str, entries: Iterable[Entry], fetch: Callable[[Any], bytes]) -> None:
    """Lay out below a folder what was packed; nothing is written through a link.

    Raises:
        OSError: it cannot be written.
    """
    for name, kind, mode, changed_ns, content in entries:
        path = os.path.join(root, name)
        if kind == "folder":
            _own_folder(root, name)
            continue
        _own_folder(root, os.path.dirname(name))
        if os.path.lexists(path):
            os.unlink(path)
        if kind == "link":
            os.symlink(content, path)
            continue
        with open(path, "wb") as file:
            file.writelines(fetch(chunk) for chunk in content)
        os.chmod(path, mode)
        os.utime(path, ns=(changed_ns, changed_ns))


def _own_folder(root: str, name: str) -> None:
    """Have a folder that lies in the root, and is no link to elsewhere."""
    path = root
    os.makedirs(root, exist_ok=True)
    for part in name.split("/") if name else ():
        path = os.path.join(path, part)
        if os.path.islink(path):
            os.unlink(path)
        os.makedirs(path, exist_ok=True)


def stamps(root: str) -> dict[str, tuple[int, int]]:
    """(size, ns of last change) of each file below a folder, by relative path; links are none."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(folder, name)
            about = os.lstat(path)
            if stat.S_ISREG(about.st_mode):
                found[os.path.relpath(path, root)] = (about.st_size, about.st_mtime_ns)
    return found
