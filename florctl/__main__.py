"""`flor`, and `python -m florctl`, which is the same."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command line; what a shell asks for while a person types goes a shorter way."""
    if sys.argv[1:2] == ["_complete"]:
        from florctl.cli.completing import main as complete

        return complete(sys.argv[2:])
    from florctl.cli.app import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
