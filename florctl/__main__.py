"""`python -m florctl` is `flor`."""

from __future__ import annotations

import sys

from florctl.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
