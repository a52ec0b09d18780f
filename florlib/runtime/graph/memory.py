"""The bytes under tensors and arrays: copied out whole, one copy for all that share them.

Uses the torch and numpy that the user's process has loaded, and loads neither.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from florlib.ground.checkpoint_format import digest


@dataclass(frozen=True, slots=True)
class Block:
    """A private copy of one piece of memory.

    Attributes:
        dtype: element type as torch or numpy spells it, "float32".
        shape: of the copy, in C order.
        data: its bytes.
        held: instead of data, digest and length of bytes that were stored before.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview
    held: tuple[str, int] | None = None


Held = Container[tuple[str, int]]
"""Digests and lengths of contents that need no copy, as they are stored already."""

# From this size on memory is hashed where it lies before it is copied: a data set in a global
# tensor costs one pass over it, at some 30 GB/s, instead of a copy.
HASHED_FIRST_BYTES = 1 << 20


def torch() -> Any:
    """The torch module that the process has loaded."""
    return sys.modules["torch"]


def is_network(cls: type) -> bool:
    """Whether instances are torch modules."""
    lib = sys.modules.get("torch")
    return lib is not None and issubclass(cls, lib.nn.Module)


def storage_block(tensor: Any, held: Held = ()) -> Block:
    """Copy the whole storage that a tensor looks into, unless its content is held already.

    The copy has the tensor's shape where the tensor is all of its storage, and is flat
    otherwise.
    """
    lib = torch()
    size = tensor.element_size()
    storage = tensor.untyped_storage()
    raw = lib.empty(0, dtype=lib.uint8, device=tensor.device).set_(storage)
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_contiguous() and tensor.numel() * size == storage.nbytes():
        shape = tuple(tensor.shape)
    elif storage.nbytes() % size == 0:
        shape = (storage.nbytes() // size,)
    else:
        dtype, shape = "uint8", (storage.nbytes(),)
    if held and raw.device.type == "cpu" and raw.numel() >= HASHED_FIRST_BYTES:
        live = tensor_bytes(raw)
        key = (digest(live), len(live))
        if key in held:
            return Block(dtype, shape, b"", key)
    return Block(dtype, shape, tensor_bytes(raw.to("cpu", copy=True)))


def covers_storage(tensor: Any) -> bool:
    """Whether a tensor shows every byte of its storage."""
    size: int = tensor.numel() * tensor.element_size()
    return bool(size == tensor.untyped_storage().nbytes())


def tensor_content(tensor: Any) -> bytes | memoryview:
    """The elements of a tensor in C order, as raw bytes."""
    whole = tensor.resolve_conj().resolve_neg().contiguous().clone().cpu()
    return tensor_bytes(whole)


def tensor_bytes(flat: Any) -> bytes | memoryview:
    """The bytes of a contiguous CPU tensor, without numpy and without another copy."""
    size = flat.numel() * flat.element_size()
    if size == 0:
        return b""
    view = (ctypes.c_ubyte * size).from_address(flat.data_ptr())
    view.flor_owner = flat  # the memory lives as long as the view does
    return memoryview(view).cast("B")


def bytes_block(data: bytes, held: Held = ()) -> Block:
    """Plain bytes as a block; they are immutable and need no copy."""
    if len(data) >= HASHED_FIRST_BYTES:
        key = (digest(data), len(data))
        if key in held:
            return Block("uint8", (len(data),), b"", key)
    return Block("uint8", (len(data),), data)


def array_owner(array: Any) -> Any:
    """The array that owns the memory an array looks into; itself where it owns it."""
    numpy = sys.modules["numpy"]
    owner = array
    while isinstance(owner.base, numpy.ndarray):
        owner = owner.base
    return owner


def array_block(array: Any, held: Held = ()) -> Block:
    """Copy an array's elements, in C order, unless they are held already."""
    if held and array.nbytes >= HASHED_FIRST_BYTES and array.flags["C_CONTIGUOUS"]:
        # Not memoryview's own cast: it knows neither complex numbers nor text nor times.
        live = memoryview(array.reshape(-1).view("u1"))
        key = (digest(live), len(live))
        if key in held:
            return Block(array.dtype.name, tuple(array.shape), b"", key)
    return Block(array.dtype.name, tuple(array.shape), array.tobytes())


def zeros_like(array: Any) -> Any:
    """A plain array of this dtype and shape that is zero in every byte, padding included."""
    return sys.modules["numpy"].zeros(array.shape, dtype=array.dtype)


def array_offset(array: Any, owner: Any) -> int:
    """Bytes between the first element of an array and that of its owner."""
    first: int = array.__array_interface__["data"][0]
    start: int = owner.__array_interface__["data"][0]
    return first - start


def element_count(shape: tuple[int, ...]) -> int:
    """Elements of an array of this shape."""
    return math.prod(shape)
