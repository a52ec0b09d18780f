"""The one audit hook of a process. Hooks cannot be taken away, so the events are made up."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from florlib.runtime.audit import listen


def test_each_listener_hears_its_events_in_the_order_in_which_they_came() -> None:
    heard: list[tuple[str, str, tuple[Any, ...]]] = []
    listen(["audit.one", "audit.two"], lambda event, args: heard.append(("first", event, args)))
    listen(["audit.two"], lambda event, args: heard.append(("second", event, args)))
    sys.audit("audit.one", 1)
    sys.audit("audit.three")
    sys.audit("audit.two", 2, "x")

    assert heard == [
        ("first", "audit.one", (1,)),
        ("first", "audit.two", (2, "x")),
        ("second", "audit.two", (2, "x")),
    ]


def test_what_a_listener_raises_is_what_the_function_raises() -> None:
    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        raise PermissionError(event)

    listen(["audit.refused"], refuse)
    with pytest.raises(PermissionError, match=r"audit\.refused"):
        sys.audit("audit.refused")


_COUNTED = """
import sys
hooks = []
sys.addaudithook(lambda event, arguments: hooks.append(1) if event == "sys.addaudithook" else None)
from florlib.runtime.files import FileWatch
from florlib.runtime.gone_files import GoneFiles
from florlib.runtime.project import Project
from florlib.runtime.temporary import TemporaryPaths
from pathlib import Path
FileWatch(Project.at("."), Path("home")), GoneFiles(None), TemporaryPaths(None)
print(len(hooks))
"""


def test_a_process_has_one_hook_however_much_listens() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _COUNTED], capture_output=True, text=True, check=True
    )
    assert told.stdout == "1\n"
