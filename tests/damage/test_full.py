"""A disk that is full costs what did not fit, and nothing before or after it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "scripts" / "fill.py"
ON_SMALL_DISK = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'

pytestmark = pytest.mark.process


def can_mount() -> bool:
    """Root may mount, unless it is root of a container that may not."""
    if os.getuid() != 0:
        return False
    attempt = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", "/mnt"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


def report_of(*command: object) -> dict[str, object]:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def expected(number: int) -> dict[str, object]:
    return {
        "errors": [number, number],
        "files": ["a", "c", "journal"],
        "verified": [1, 1],
        "kinds": ["first", "last"],
        "torn_bytes": 0,
    }


@pytest.mark.skipif(not can_mount(), reason="a disk of 4 MB is mounted by root alone")
def test_a_full_disk_costs_what_does_not_fit(tmp_path):
    command = [
        "unshare",
        "-m",
        "sh",
        "-c",
        ON_SMALL_DISK,
        tmp_path,
        sys.executable,
        SCRIPT,
        tmp_path,
    ]

    assert report_of(*command) == expected(errno.ENOSPC)


def test_a_limit_on_the_size_of_files_costs_what_does_not_fit(tmp_path):
    assert report_of(sys.executable, SCRIPT, tmp_path, 4 << 20) == expected(errno.EFBIG)
