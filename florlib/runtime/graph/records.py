"""Structured numpy dtypes as JSON, and back."""

from __future__ import annotations

import sys
from typing import Any


def encode_record_dtype(dtype: Any) -> Any:
    """A dtype as JSON, structured ones field by field with their offsets, so padding stays."""
    if dtype.subdtype is not None:
        element, shape = dtype.subdtype
        return {"of": encode_record_dtype(element), "shape": list(shape)}
    if dtype.names is None:
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names]
    return {
        "names": list(dtype.names),
        "formats": [encode_record_dtype(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "titles": [field[2] if len(field) > 2 else None for field in fields],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def decode_record_dtype(content: Any) -> Any:
    """The dtype that `encode_record_dtype` was given."""
    numpy = sys.modules["numpy"]
    if isinstance(content, str):
        return numpy.dtype(content)
    if "of" in content:
        return numpy.dtype((decode_record_dtype(content["of"]), tuple(content["shape"])))
    parts = {**content, "formats": [decode_record_dtype(part) for part in content["formats"]]}
    return numpy.dtype(parts, align=parts.pop("aligned"))
