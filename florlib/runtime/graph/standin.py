"""Restored tensors that were part of an autograd graph, which no checkpoint holds.

They look as they did (`grad_fn=<NllLossBackward0>`), and going backward through one is an
error that says so: silently missing gradients would be worse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from florlib.runtime.graph.memory import torch

_classes: dict[str, Any] = {}
_listeners: list[Callable[[str], None]] = []


def on_graph_missing(listener: Callable[[str], None]) -> None:
    """Have a listener told, in words, before the error is raised."""
    _listeners.append(listener)


class GraphNotRestored(RuntimeError):
    """backward() reached a tensor whose autograd graph lies before the restored checkpoint."""


def stand_in_graph(tensor: Any, name: str) -> Any:
    """A tensor that shares memory with `tensor` and whose grad_fn carries `name`."""
    cls = _classes.get(name)
    if cls is None:
        cls = _classes[name] = _make(name)
    lib = torch()
    with lib.enable_grad():
        return cls.apply(lib.zeros((), device=tensor.device, requires_grad=True), tensor)


def _make(name: str) -> Any:
    def forward(ctx: Any, anchor: Any, tensor: Any) -> Any:
        # A sparse tensor has no views; a copy of a new one shares nothing that was shared before.
        return tensor.view_as(tensor) if tensor.layout is torch().strided else tensor.clone()

    def backward(ctx: Any, *grads: Any) -> Any:
        text = f"backward() reached a restored tensor ({name}); its graph was not recorded"
        for listener in _listeners:
            listener(text)
        raise GraphNotRestored(f"flor: {text}")

    function = type(
        name,
        (torch().autograd.Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )
    function._backward_cls.__name__ = name  # type: ignore[attr-defined]
    return function
