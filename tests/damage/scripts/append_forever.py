"""Appends record after record until it is killed; prints the number of each that is done.

Usage: append_forever.py JOURNAL
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from florlib.stores.journal import JournalWriter

writer = JournalWriter(Path(sys.argv[1]))
for number in count():
    writer.append({"kind": "log", "number": number, "text": "x" * (number * 7919 % 50_000)})
    print(number, flush=True)
