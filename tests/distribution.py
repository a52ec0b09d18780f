"""Which tests one process runs, one behind the other: those that share what is recorded once.

Marks of xdist say so as well, and do nothing with pytest 9.2 (github.com/pytest-dev/pytest-xdist/issues/1386).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

# A script is recorded once for all that is asked of it; their tests are named SCRIPT-KIND.
BY_SCRIPT = ("tests/exactness/test_exactness.py", "tests/examples/test_examples.py")


@lru_cache
def _shares(path: Path) -> bool:
    return 'scope="module"' in path.read_text("utf-8")


def unit_of(nodeid: str, root: Path) -> str:
    """What is given to a process as one: the tests of a script, of a file, or a test alone.

    >>> unit_of("tests/exactness/test_exactness.py::test_replay[dropout-inner]", Path())
    'tests/exactness/test_exactness.py::dropout'

    Args:
        nodeid: of a test.
        root: that it is relative to.
    """
    path, _, name = nodeid.partition("::")
    if path in BY_SCRIPT:
        script = name.partition("[")[2].rstrip("]").partition("-")[0]
        return f"{path}::{script}" if script else nodeid
    return path if _shares(root / path) else nodeid


class Together(LoadScopeScheduling):
    """Gives units of tests to the processes, those of many tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid, self.config.rootpath)
