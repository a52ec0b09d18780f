"""Sending a state of 1 GB to a bucket, against the client library's own upload of the same file.

A server that speaks S3 (SeaweedFS, `make spool` installs it) runs on this machine and shares its
cores. Every round sends the state by each way, in an order drawn anew, to a place that holds nothing;
a figure is the median of the rounds' ratios of bytes a second. `A/A` is the library against itself.

    python benchmarks/spool.py
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import obstore
from obstore.store import S3Store
from ratios import Interval, machine, quotients, table

from florlib.ground.spool_format import SpooledFile
from florlib.stores.checkpoints import Buffer, publish
from florlib.stores.spool import Target, open_target
from florlib.stores.spool.contents import Sender, fetch, threads

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.spool.server import BUCKET, KEY, SECRET, Server, seaweedfs

PART_BYTES = 50_000_000
DOWN = ("the library, down", "flor, down")
WAYS = ("the library", "the library again", "flor, as it is", "flor, in planes")


def state(path: Path, size: int) -> int:
    """A checkpoint of weights and both moments of Adam, as they are drawn and not as they are trained."""
    chance = numpy.random.default_rng(0)
    scales = (0.02, 1e-3, 1e-6)
    buffers = []
    for number in range(max(1, size // PART_BYTES)):
        part = chance.standard_normal(PART_BYTES // 4, dtype=numpy.float32)
        part *= numpy.float32(scales[number % 3])
        content = numpy.abs(part) if number % 3 == 2 else part
        buffers.append(Buffer(str(number), "float32", content.shape, memoryview(content).cast("B")))
    return publish(path, {}, buffers).bytes


class Uploads:
    """The ways of one state into a bucket.

    Attributes:
        stored_bytes: that it took in planes.
    """

    def __init__(self, server: Server, path: Path) -> None:
        self.server, self.path = server, path
        self.stored_bytes = 0
        self.sent: tuple[Target, SpooledFile] | None = None

    def send(self, way: str, prefix: str) -> float:
        """Seconds that a way takes."""
        began = time.perf_counter()
        if way.startswith("the library"):
            obstore.put(self._store(prefix), "state", self.path, use_multipart=True)
        else:
            target = open_target(f"s3://{BUCKET}/{prefix}", self.server.endpoint)
            with threads() as pool:
                sender = Sender(target, pool, compress=way == "flor, in planes")
                (file,) = sender.send([("checkpoints/state", self.path)])
            if sender.compress:
                self.stored_bytes, self.sent = file.stored_bytes, (target, file)
        return time.perf_counter() - began

    def _store(self, prefix: str) -> S3Store:
        return S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=self.server.endpoint,
            access_key_id=KEY,
            secret_access_key=SECRET,
            region="us-east-1",
            client_options={"allow_http": True, "timeout": "300s"},
        )

    def fetch_bare(self, path: Path, prefix: str) -> float:
        """Seconds that the library takes to have here again what it sent, on the disk."""
        began = time.perf_counter()
        with path.open("wb") as file:
            for part in obstore.get(self._store(prefix), "state"):
                file.write(part)
            os.fsync(file.fileno())
        seconds = time.perf_counter() - began
        path.unlink()
        return seconds

    def fetch(self, path: Path) -> float:
        """Seconds to have what was sent last in planes here again, checked and on the disk."""
        assert self.sent is not None
        target, file = self.sent
        began = time.perf_counter()
        with threads() as pool:
            assert not fetch(target, {path: file}, pool)
        seconds = time.perf_counter() - began
        path.unlink()
        return seconds


def measure(uploads: Uploads, rounds: int, tell: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds of each way, round by round."""
    chance, taken = random.Random(0), {way: [] for way in (*WAYS, *DOWN)}
    for number in range(rounds):
        ways = list(WAYS)
        chance.shuffle(ways)
        for way in ways:
            taken[way].append(uploads.send(way, f"{number}-{WAYS.index(way)}"))
        fetched = uploads.path.with_name("fetched")
        taken[DOWN[0]].append(uploads.fetch_bare(fetched, f"{number}-0"))
        taken[DOWN[1]].append(uploads.fetch(fetched))
        tell(f"round {number + 1} of {rounds}")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flor-bench-") as name:
        folder = Path(name)
        with seaweedfs(folder) as server:
            os.environ.update(server.environ())
            path = folder / "state.safetensors"
            size = state(path, options.megabytes * 1_000_000)
            uploads = Uploads(server, path)
            uploads.send(WAYS[0], "warm")
            taken = measure(uploads, options.rounds, lambda text: print(text, file=sys.stderr))
    rows = []
    for way, base in [*((one, WAYS[0]) for one in WAYS[1:]), (DOWN[1], DOWN[0])]:
        ratio = Interval.of(quotients(taken[base], taken[way]))
        speeds = [
            f"{Interval.of([size / seconds / 1e6 for seconds in taken[one]]).median:.0f}"
            for one in (way, base)
        ]
        label = "A/A: the library" if way == WAYS[1] else way
        rows.append([label, str(ratio), *speeds, ">= 0.7" if way in WAYS[2:] else ""])
    print(machine())
    print(f"{size / 1e6:.0f} MB, in planes {uploads.stored_bytes / size:.3f} of it")
    head = ["bytes a second / the library's", "median (95 %)", "MB/s", "its MB/s", "to reach"]
    print(table(head, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
