"""The elements of tensors and arrays as float64, a stretch at a time.

Uses the torch and numpy that the user's process has loaded, and loads neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

AT_ONCE = 1 << 20
"""Elements of a stretch, where nothing else is said."""


def of_tensor(torch: Any, tensor: Any, at_once: int | None = None) -> Iterator[Any]:
    """Of a tensor of torch, whose layout may be any.

    Raises:
        TypeError: complex numbers have no order.
    """
    if tensor.is_complex():
        raise TypeError("complex numbers have no order")
    tensor = tensor.cpu()  # of a device without a queue
    whole = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    whole = whole.dequantize() if whole.is_quantized else whole
    flat = whole.contiguous().view(-1)
    step = at_once or AT_ONCE
    for at in range(0, flat.numel(), step):
        yield flat[at : at + step].to(torch.float64)


def of_array(numpy: Any, array: Any, at_once: int | None = None) -> Iterator[Any]:
    """Of an array of numpy.

    Raises:
        TypeError: its elements are no numbers that have an order.
    """
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of {array.dtype} holds no numbers that have an order")
    flat = array.reshape(-1)
    step = at_once or AT_ONCE
    for at in range(0, flat.size, step):
        with numpy.errstate(all="ignore"):
            yield flat[at : at + step].astype(numpy.float64)
