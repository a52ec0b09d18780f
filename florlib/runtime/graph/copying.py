"""Recorded bytes into the memory under live tensors and arrays, without a copy in between."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from typing import Any

from florlib.runtime.graph.together import in_threads

# What is smaller costs less to copy than to hand to a thread.
SHARED_FROM_BYTES = 1 << 20

_C = ctypes.CDLL(None)
_compare = _C.memcmp
_compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.c_void_p,)
_release_buffer.restype = None


class _Buffer(ctypes.Structure):
    """CPython's Py_buffer (Include/pybuffer.h), of which the address alone is looked at."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


def fill_storages(contents: Iterable[tuple[Any, memoryview]]) -> None:
    """Write bytes over the whole storages that tensors look into, wherever they live.

    Args:
        contents: (tensor, uint8[bytes of its storage]), a storage once.
    """
    large = []
    for tensor, data in contents:
        storage = tensor.untyped_storage()
        check_length(storage, data)
        if storage.device.type != "cpu":
            _copy_to_device(data, storage)
        elif data.nbytes >= SHARED_FROM_BYTES:
            large.append((data, storage.data_ptr()))
        elif data.nbytes:
            _copy(data, storage.data_ptr())
    in_threads(lambda item: _copy(*item), large)


def new_storage(data: memoryview, device: str) -> Any:
    """A storage on `device` with these bytes."""
    lib = sys.modules["torch"]
    # Allocated by torch, so aligned as the recorded one was: kernels may add up in another order
    # where a tensor begins elsewhere in a cache line.
    made = lib.empty(data.nbytes, dtype=lib.uint8, device="cpu").untyped_storage()
    if data.nbytes:
        _copy(data, made.data_ptr())
    if device == "cpu":
        return made
    return _bytes_of(made).to(device).untyped_storage()


def fill_bytearray(target: bytearray, data: memoryview) -> None:
    """Make a bytearray hold these bytes."""
    if len(target) == len(data):
        memoryview(target)[:] = data
    else:
        target.clear()
        target += data


def new_array(
    data: memoryview, dtype: Any, shape: Iterable[int], order: str, cls: Any = None
) -> Any:
    """An array that owns its memory, with these elements in C order; of a subclass where one is given."""
    numpy = sys.modules["numpy"]
    made = numpy.ndarray.__new__(cls or numpy.ndarray, tuple(shape), dtype=dtype, order=order)
    fill_array(numpy.asarray(made), data)
    return made


def fill_array(target: Any, data: memoryview) -> None:
    """Write elements in C order into an array of whatever layout."""
    numpy = sys.modules["numpy"]
    target[...] = numpy.frombuffer(data, dtype=target.dtype).reshape(target.shape)


def holds(array: Any, data: memoryview) -> bool:
    """Whether an array has these elements, bit for bit, given in C order."""
    numpy = sys.modules["numpy"]
    present = numpy.ascontiguousarray(array, dtype=array.dtype).reshape(-1).view("u1")
    return bool(numpy.array_equal(present, numpy.frombuffer(data, dtype="u1")))


def check_length(storage: Any, data: memoryview) -> None:
    """Raise ValueError where a content is longer or shorter than the storage it is for."""
    if data.nbytes != storage.nbytes():
        raise ValueError(f"{data.nbytes} bytes for a storage of {storage.nbytes()}")


def _copy(data: memoryview, address: int) -> None:
    """Copy bytes to an address; both calls let the GIL go.

    What is equal already is not written: a data set that the script maps from a file may lie in
    memory that cannot be.
    """
    source, size = _address(data), data.nbytes
    if _compare(address, source, size):
        ctypes.memmove(address, source, size)


def _address(data: memoryview) -> int:
    """Where the bytes of a contiguous view lie, read-only ones as well."""
    view = _Buffer()
    _get_buffer(data, ctypes.byref(view), 0)
    address: int = view.buf
    _release_buffer(ctypes.byref(view))
    return address


def _copy_to_device(data: memoryview, storage: Any) -> None:
    lib = sys.modules["torch"]
    with lib.no_grad():
        _bytes_of(storage).copy_(_bytes_of(new_storage(data, "cpu")))


def _bytes_of(storage: Any) -> Any:
    """A tensor uint8[bytes] over a storage."""
    lib = sys.modules["torch"]
    return lib.empty(0, dtype=lib.uint8, device=storage.device).set_(storage)
