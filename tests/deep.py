"""Whether tests take their time: all of many alike cases, and real processes alone. `make test-deep` does.

What is left out of a usual run differs from what is in it by one of several things alone. And a usual
run has forks of a process that has imported all of it where a command is not itself what is tested
(tests/fuzz/zygote.py).
"""

from __future__ import annotations

import os

DEEP = os.environ.get("TEST_DEEP") == "1"
