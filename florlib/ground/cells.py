"""Cells of tables that programs read."""

from __future__ import annotations

import json
from typing import Any


def field_text(cell: Any) -> str:
    """A cell of a table for programs: floats round-trip, null is empty, trees are JSON.

    >>> field_text(0.1), field_text(None), field_text([1, "NaN"])
    ('0.1', '', '[1, "NaN"]')
    """
    if cell is None:
        return ""
    if isinstance(cell, (bool, list, dict)):
        return json.dumps(cell, default=bytes_text)
    return bytes_text(cell) if isinstance(cell, bytes) else str(cell)


def bytes_text(content: Any) -> str:
    """What JSON has no form for, as text; bytes are hexadecimal."""
    return content.hex() if isinstance(content, bytes) else str(content)
