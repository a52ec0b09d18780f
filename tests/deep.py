"""Whether all of many alike cases are taken, each of which takes long: `make test-deep` takes all.

What is left out of a usual run of the tests differs from what is in it by one of several things alone.
"""

from __future__ import annotations

import os

DEEP = os.environ.get("TEST_DEEP") == "1"
