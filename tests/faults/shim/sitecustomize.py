"""Makes calls of the operating system fail in a recorded process, as the variable FAULTS says.

The door of flor imports this file before anything of flor's own. Flor takes private copies of the
functions of os; here it is loaded with stand-ins for them, which then are its own alone. The rules
are written by `tests/faults/faults.py`.
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import io
import json
import os
import threading
import time

_RULES = json.loads(os.environ.get("FAULTS", "[]"))
_LOG = os.environ.get("FAULTS_LOG")
_WITH_DESCRIPTOR = ("write", "pwrite", "writev", "pwritev", "fsync", "fdatasync", "ftruncate")
_WITH_PATH = ("open", "rename", "replace", "link", "mkdir", "unlink", "truncate")
_WRITES = ("write", "pwrite")
_MAKES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_open, _write, _close, _kill, _getpid = os.open, os.write, os.close, os.kill, os.getpid
_exists, _readlink, _sleep = os.path.exists, os.readlink, time.sleep
_status, _PAGE = fcntl.fcntl, 4096
_counting = threading.Lock()
_met = [0] * len(_RULES)
_taken = [0] * len(_RULES)


def _path_of(place):
    """Of a descriptor or of a path, as far as one can be told."""
    if isinstance(place, int):
        try:
            return _readlink(f"/proc/self/fd/{place}")
        except OSError:
            return ""
    return os.path.abspath(os.fsdecode(place))


def _note(text):
    if _LOG:
        descriptor = _open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        _write(descriptor, (text + "\n").encode())
        _close(descriptor)


def _rules_for(call, path):
    """The numbers of the rules that this very call meets."""
    for number, rule in enumerate(_RULES):
        if call not in rule["calls"] or rule["under"] not in path:
            continue
        with _counting:
            _met[number] += 1
            turn = _met[number] - rule["first"]
        if 0 <= turn and (rule["times"] is None or turn < rule["times"]):
            yield number, rule


def _wait_for(path):
    descriptor = _open(path + ".met", os.O_WRONLY | os.O_CREAT, 0o644)
    _close(descriptor)
    while not _exists(path):
        _sleep(0.005)


def _part(place, data, length):
    """The first bytes of what is to be written; whole pages of it where the file wants such."""
    view = memoryview(data).cast("B")
    length = min(max(0, length), len(view))
    direct = getattr(os, "O_DIRECT", 0)
    if length < len(view) and direct and _status(place, fcntl.F_GETFL) & direct:
        length -= length % _PAGE
    return view[:length]


def _fail(name, path):
    number = getattr(errno, name)
    raise OSError(number, os.strerror(number), path)


def _called(call, place, function, data=None, rest=()):
    """Do what the rules say, and what the call is for, as far as they let it."""
    path = _path_of(place)
    after = None
    for number, rule in _rules_for(call, path):
        _note(f"{number} {call} {path}")
        if rule["hold"]:
            _wait_for(rule["hold"])
        if rule["pause_s"]:
            _sleep(rule["pause_s"])
        if rule["kill"] == "before":
            _kill(_getpid(), 9)
        after = after or rule["kill"]
        if data is not None and rule["short"]:
            data = _part(place, data, memoryview(data).nbytes // 3) or data
        if data is not None and rule["space"] is not None:
            data = _part(place, data, rule["space"] - _taken[number])
            _taken[number] += len(data)
            if not data:
                _fail("ENOSPC", path)
        if rule["error"]:
            _fail(rule["error"], path)
    result = function(place, data, *rest) if data is not None else function(place, *rest)
    if after == "after":
        _kill(_getpid(), 9)
    return result


def _stand_in(call):
    function = getattr(os, call)

    def stand_in(place, *rest, **named):
        if call == "open" and not (rest and rest[0] & _MAKES):
            return function(place, *rest, **named)
        if call == "open" and rest[0] & getattr(os, "O_DIRECT", 0):
            _called("open_direct", place, lambda _: None)
        if call in _WRITES:
            return _called(call, place, function, rest[0], rest[1:])
        return _called(call, place, lambda place, *rest: function(place, *rest, **named), rest=rest)

    return stand_in


_FileIO = io.FileIO


class FileIO(_FileIO):
    """A raw file whose writes follow the rules as those of os do."""

    def __init__(self, file, mode="r", *rest, **named):
        def begin(file):
            _FileIO.__init__(self, file, mode, *rest, **named)

        if set(mode) & set("wxa+"):
            _called("open", file, begin)
        else:
            begin(file)

    def write(self, data):
        """Write what the rules let through; returns how many bytes."""

        def write(_, part):
            return _FileIO.write(self, part)

        return _called("write", self.fileno(), write, data)


def _give_flor_the_stand_ins():
    """Have flor loaded while they stand in os; what the script finds there is Python's own."""
    names = [name for name in (*_WITH_DESCRIPTOR, *_WITH_PATH) if hasattr(os, name)]
    own = {name: getattr(os, name) for name in names}
    for name in names:
        setattr(os, name, _stand_in(name))
    io.FileIO = FileIO
    try:
        importlib.import_module("florlib.runtime.start")
    finally:
        vars(os).update(own)
        io.FileIO = _FileIO


if "FLOR_LAUNCH" in os.environ and _RULES:
    _give_flor_the_stand_ins()
    del __file__  # so that these names are not taken for the script's state
