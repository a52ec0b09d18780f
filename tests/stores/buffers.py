"""Tensors on their way into checkpoint files, for tests of stores and of damage."""

from __future__ import annotations

import torch

from florlib.stores.checkpoints import Buffer


def buffer_of(name: str, tensor: torch.Tensor) -> Buffer:
    """The content of a plain tensor, in C order."""
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Buffer(name, dtype, tuple(tensor.shape), memoryview(flat))


def bytes_of(tensor: torch.Tensor) -> bytes:
    """What a checkpoint of the tensor must hold."""
    return bytes(buffer_of("", tensor).data)
