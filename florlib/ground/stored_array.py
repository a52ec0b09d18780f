"""Large logged tensors and arrays: what the journal says of one whose elements lie in a file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEAST_BYTES = 64 << 10
"""Of elements that lie in a file of their own: more than that is slow to read as JSON, and in the way
of whoever reads the journal for something else."""

STORED = "$stored"
FIGURES = ("mean", "std", "min", "max", "norm", "nan", "inf")


@dataclass(frozen=True, slots=True)
class StoredArray:
    """A logged tensor or array whose elements lie in `arrays/<digest>`.

    Attributes:
        library: "torch" or "numpy".
        dtype: its name of the element type, "float32".
        shape: sizes, outermost first.
        digest: xxh3_128 of the elements in C order, little-endian; 32 hexadecimal digits.
        bytes: of the elements.
        figures: of FIGURES, those that it has: of the finite elements in float64, how many are none,
            and the root of the sum of all squares.
    """

    library: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    bytes: int
    figures: Mapping[str, float] = field(default_factory=dict)
