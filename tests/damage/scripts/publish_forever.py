"""Publishes checkpoint after checkpoint until it is killed; prints the number of each that is done.

Usage: publish_forever.py FOLDER FIRST_NUMBER
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from florlib.stores.checkpoints import Buffer, contents_of, publish

BIG = 24 << 20

folder, first = Path(sys.argv[1]), int(sys.argv[2])
frozen = Buffer("frozen", "uint8", (1000,), bytes(1000))
publish(folder / f"{first:06}.safetensors", first, [frozen])
held = contents_of(folder / f"{first:06}.safetensors")
for number in count(first + 1):
    trained = Buffer("trained", "uint8", (BIG,), bytes([number % 251]) * BIG)
    publish(folder / f"{number:06}.safetensors", number, [frozen, trained], refer=lambda keys: held)
    print(number, flush=True)
    if number - 2 > first:
        (folder / f"{number - 2:06}.safetensors").unlink()
