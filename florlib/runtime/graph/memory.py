"""The bytes under tensors and arrays: one block for all that share them.

Uses the torch and numpy that the user's process has loaded, and loads neither.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from xxhash import xxh3_64_intdigest

from florlib.ground.checkpoint_format import digest

Key = tuple[str, int]
"""(digest, bytes) of a content."""
Origin = tuple[int, int]
"""(address, bytes) of memory."""

PROVEN_BYTES = 1 << 20
"""From this size on memory may be left out unseen (proof.py)."""


@dataclass(slots=True, eq=False)
class Live:
    """Memory that is told by where it lies: the script's, or an arena of ours.

    Attributes:
        address: of its first byte.
        length: in bytes.
    """

    address: int
    length: int

    def __len__(self) -> int:
        return self.length

    def view(self) -> memoryview:
        """The bytes where they lie; the view does not keep them."""
        return view_of(self.address, self.length)


@dataclass(slots=True, eq=False)
class Remote:
    """Memory of a device.

    Attributes:
        raw: uint8[bytes], a tensor that shows it.
    """

    raw: Any

    def __len__(self) -> int:
        return int(self.raw.numel())

    @property
    def device(self) -> str:
        """Its device's name, "cuda:0"."""
        return str(self.raw.device)

    @property
    def address(self) -> int:
        """Of its first byte, on the device."""
        return int(self.raw.data_ptr())

    def view(self) -> memoryview:
        """A copy of its bytes; what the device has yet to do to them is waited for."""
        return memoryview(tensor_bytes(self.raw.to("cpu", copy=True)))


def view_of(address: int, length: int, owner: Any = None) -> memoryview:
    """Memory as bytes, which lives as long as the view does if `owner` keeps it."""
    if not length:
        return memoryview(b"")
    array: Any = (ctypes.c_ubyte * length).from_address(address)
    array.flor_owner = owner
    return memoryview(array).cast("B")


@dataclass(slots=True, eq=False)
class Block:
    """One piece of memory.

    Attributes:
        dtype: element type as torch or numpy spells it, "float32".
        shape: in C order.
        data: its bytes, or where they lie.
        held: instead of data, digest and length of bytes that were stored before.
        origin: address and length of the script's memory that they are, or would be, a copy of.
        width: what their place in a file is a multiple of, in bytes.
        version: how many changes torch has counted of it, where it counts them.
        is_unseen: that it is `held` is taken from what was known before.
        glanced: a hash of a few places of it, where it is large and `held`.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview | Live | Remote
    held: Key | None = None
    origin: Origin | None = None
    width: int = 1
    version: int | None = None
    is_unseen: bool = False
    glanced: int | None = None

    @property
    def address(self) -> int | None:
        """Where it lies, if that is known."""
        return self.data.address if isinstance(self.data, Live) else None

    @property
    def view(self) -> bytes | memoryview:
        """Its bytes."""
        return self.data.view() if isinstance(self.data, Live | Remote) else self.data


@dataclass(frozen=True, slots=True)
class Stored:
    """What is on disk already.

    Attributes:
        contents: by digest and length, where they lie.
        steady: (address, bytes) of memory whose content was stored before and did not change: it
            is hashed where it lies, at some 30 GB/s, and copied only if it has changed.
        proven: content, version and glance of memory that need not be looked at as a whole: its
            writer does so later.
    """

    contents: Mapping[Key, tuple[str, str]] = field(default_factory=dict)
    steady: Container[Origin] = ()
    proven: Mapping[Origin, tuple[Key, int, int]] = field(default_factory=dict)

    def key_of(self, live: Live, version: int | None) -> tuple[Key | None, bool]:
        """What memory holds, if it is stored, and whether that was taken for granted.

        None also where it seldom is.
        """
        origin = (live.address, live.length)
        known = self.proven.get(origin)
        if known is not None and known[1:] == (version, glance(live)) and known[0] in self.contents:
            return known[0], True
        if origin not in self.steady:
            return None, False
        key = (digest(live.view()), live.length)
        return (key if key in self.contents else None), False


NOTHING_STORED = Stored()
GLANCES, GLANCE_BYTES = 8, 512
"""How many places of memory a glance takes in, and how much of each."""


def glance(live: Live) -> int:
    """A hash of a few places of memory, which tells whether all of it was written anew, say by a swap."""
    address, length = live.address, min(GLANCE_BYTES, live.length)
    span = live.length - length
    starts = [address + n * span // (GLANCES - 1) for n in range(GLANCES)]
    places = [ctypes.string_at(start, length) for start in starts]
    return int(xxh3_64_intdigest(b"".join(places)))


def torch() -> Any:
    """The torch module that the process has loaded."""
    return sys.modules["torch"]


def is_network(cls: type) -> bool:
    """Whether instances are torch modules."""
    lib = sys.modules.get("torch")
    return lib is not None and issubclass(cls, lib.nn.Module)


Form = tuple[str, tuple[int, ...], int]
"""Element type, shape, and what the place in a file is a multiple of, in bytes."""


def storage_form(tensor: Any) -> Form:
    """The form of the block of the whole storage that a tensor looks into.

    It has the tensor's shape where the tensor is all of its storage, and is flat otherwise.
    """
    size, length = tensor.element_size(), tensor.untyped_storage().nbytes()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_contiguous() and tensor.numel() * size == length:
        return dtype, tuple(tensor.shape), size
    return (dtype, (length // size,), size) if length % size == 0 else ("uint8", (length,), 1)


def storage_block(tensor: Any, stored: Stored = NOTHING_STORED, form: Form | None = None) -> Block:
    """The whole storage that a tensor looks into, in the form that `storage_form` tells."""
    dtype, shape, width = form or storage_form(tensor)
    storage = tensor.untyped_storage()
    if not tensor.is_cpu:
        lib = torch()
        raw = lib.empty(0, dtype=lib.uint8, device=tensor.device).set_(storage)
        remote = Remote(raw)
        if tensor.device.type == "cuda" and len(remote):
            return Block(dtype, shape, remote, width=width)
        return Block(dtype, shape, remote.view())
    live = Live(storage.data_ptr(), storage.nbytes())
    version = None if tensor.is_inference() else tensor._version
    return _live_block(dtype, shape, live, width, stored, version)


def _live_block(
    dtype: str,
    shape: tuple[int, ...],
    live: Live,
    width: int,
    stored: Stored,
    version: int | None = None,
) -> Block:
    if not live.length:
        return Block(dtype, shape, b"")
    if not live.address:  # a library has taken the memory away, and left its size
        raise ValueError("its memory is not there")
    origin = (live.address, live.length)
    key, is_unseen = stored.key_of(live, version)
    if key is None:
        return Block(dtype, shape, live, None, origin, width, version)
    glanced = glance(live) if live.length >= PROVEN_BYTES else None
    return Block(
        dtype, shape, b"", key, origin, version=version, is_unseen=is_unseen, glanced=glanced
    )


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
    return view_of(flat.data_ptr(), flat.numel() * flat.element_size(), flat)


def keeps_attributes(cls: type, is_project: Callable[[str], bool]) -> bool:
    """Whether arrays of a class hold more than their elements: masks, or what the user's own do."""
    numpy = sys.modules["numpy"]
    return cls is not numpy.ndarray and (
        issubclass(cls, numpy.ma.MaskedArray) or is_project(cls.__module__)
    )


def array_owner(array: Any) -> Any:
    """The array that owns the memory an array looks into; itself where it owns it."""
    numpy = sys.modules["numpy"]
    owner = array
    while isinstance(owner.base, numpy.ndarray):
        owner = owner.base
    return owner


def array_block(array: Any, stored: Stored = NOTHING_STORED) -> Block:
    """An array's elements, in C order."""
    dtype, shape = array.dtype.name, tuple(array.shape)
    if not array.flags["C_CONTIGUOUS"]:
        return Block(dtype, shape, array.tobytes())
    address: int = array.__array_interface__["data"][0]
    width = array.itemsize & -array.itemsize
    return _live_block(dtype, shape, Live(address, array.nbytes), width, stored)


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


def shows_memory(value: Any) -> bool:
    """Whether it is a view of another object's memory: a memoryview, an element of records."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.void):
        return isinstance(value.base, numpy.ndarray)
    return isinstance(value, memoryview)
