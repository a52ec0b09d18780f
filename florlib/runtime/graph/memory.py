"""The bytes under tensors and arrays: copied out whole, one copy for all that share them.

Uses the torch and numpy that the user's process has loaded, and loads neither.
"""

from __future__ import annotations

import ctypes
import math
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Block:
    """A private copy of one piece of memory.

    Attributes:
        dtype: element type as torch or numpy spells it, "float32".
        shape: of the copy, in C order.
        data: its bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


def torch() -> Any:
    """The torch module that the process has loaded."""
    return sys.modules["torch"]


def storage_block(tensor: Any) -> Block:
    """Copy the whole storage that a tensor looks into.

    The copy has the tensor's shape where the tensor is all of its storage, and is flat
    otherwise.
    """
    lib = torch()
    size = tensor.element_size()
    storage = tensor.untyped_storage()
    raw = lib.empty(0, dtype=lib.uint8, device=tensor.device).set_(storage)
    copy = raw.to("cpu", copy=True)
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_contiguous() and tensor.numel() * size == storage.nbytes():
        shape = tuple(tensor.shape)
    elif storage.nbytes() % size == 0:
        shape = (storage.nbytes() // size,)
    else:
        dtype, shape = "uint8", (storage.nbytes(),)
    return Block(dtype, shape, tensor_bytes(copy))


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


def fill_storage(tensor: Any, data: memoryview) -> None:
    """Write bytes over the whole storage that a tensor looks into, wherever it lives."""
    lib = torch()
    if len(data) == 0:
        return
    source = lib.frombuffer(bytearray(data), dtype=lib.uint8)
    raw = lib.empty(0, dtype=lib.uint8, device=tensor.device).set_(tensor.untyped_storage())
    with lib.no_grad():
        raw.copy_(source)


def new_storage(data: memoryview, device: str) -> Any:
    """A storage on `device` with these bytes."""
    lib = torch()
    if len(data) == 0:
        return lib.empty(0, dtype=lib.uint8, device=device).untyped_storage()
    source = lib.frombuffer(bytearray(data), dtype=lib.uint8)
    return source.to(device).untyped_storage()


def array_owner(array: Any) -> Any:
    """The array that owns the memory an array looks into; itself where it owns it."""
    numpy = sys.modules["numpy"]
    owner = array
    while isinstance(owner.base, numpy.ndarray):
        owner = owner.base
    return owner


def array_block(array: Any) -> Block:
    """Copy an array's elements, in C order."""
    return Block(array.dtype.name, tuple(array.shape), array.tobytes())


def array_offset(array: Any, owner: Any) -> int:
    """Bytes between the first element of an array and that of its owner."""
    first: int = array.__array_interface__["data"][0]
    start: int = owner.__array_interface__["data"][0]
    return first - start


def element_count(shape: tuple[int, ...]) -> int:
    """Elements of an array of this shape."""
    return math.prod(shape)
