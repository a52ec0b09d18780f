"""What the command line and the facade stand on, from ground up to the guest in the user's process."""

from __future__ import annotations

__version__ = "0.1.0"
