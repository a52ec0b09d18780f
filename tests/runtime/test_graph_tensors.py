"""Tensors come back with their bits, geometry, gradients and the memory that they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from florlib.runtime.graph.standin import GraphNotRestored
from tests.runtime.graphs import capture, compared, difference, put_back

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool, torch.uint16,
    torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip


def filled(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Every bit pattern that the number of elements has room for, NaNs of all kinds included."""
    size = torch.empty(shape, dtype=dtype).numel() * torch.empty((), dtype=dtype).element_size()
    pattern = [(n * 37 + 11) % (2 if dtype is torch.bool else 256) for n in range(size)]
    raw = torch.tensor(pattern, dtype=torch.uint8)
    return raw.view(dtype).reshape(shape) if size else torch.empty(shape, dtype=dtype)


def parameter_with_gradient() -> nn.Parameter:
    parameter = nn.Parameter(filled(3, 2).nan_to_num(0, 1, 1))
    (parameter * 2).sum().backward()
    return parameter


def subclass() -> torch.Tensor:
    return filled(2).as_subclass(Marked)


class Marked(torch.Tensor):
    """A tensor class of the user's."""


MADE = {
    "a transposed view": lambda: filled(3, 4).t(),
    "every other element": lambda: filled(20)[3::4],
    "an expanded row": lambda: filled(1, 4).expand(3, 4),
    "no dimension": filled,
    "no element": lambda: filled(0, 3),
    "a conjugate": lambda: filled(4, dtype=torch.complex64).conj(),
    "a negated view": lambda: filled(4, dtype=torch.complex64).conj().imag,
    "a channels-last image": lambda: filled(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "a leaf that wants gradients": lambda: filled(3).requires_grad_(),
    "a parameter": lambda: nn.Parameter(filled(3)),
    "a frozen parameter": lambda: nn.Parameter(filled(3), requires_grad=False),
    "a parameter with its gradient": parameter_with_gradient,
    "a buffer that is longer than its tensor": lambda: filled(5)[:2],
    "bytes of an odd number": lambda: filled(7, dtype=torch.uint8)[1:6],
    "a tensor class of the user's": subclass,
    "a sparse matrix": lambda: torch.sparse_coo_tensor(
        [[0, 1, 1], [2, 0, 2]], [3.0, 4.0, -0.0], (2, 3), check_invariants=False
    ).coalesce(),
}


def test_a_sparse_sum_stays_as_it_was_added_up():
    live = {
        "sum": torch.sparse_coo_tensor(
            [[0, 1, 0], [1, 1, 1]], [0.5, 1.0, 2.0], (2, 2), check_invariants=False
        )
    }
    captured = capture(live)

    put_back(captured, live)

    assert not live["sum"].is_coalesced()
    assert live["sum"]._values().tolist() == [0.5, 1.0, 2.0]
    assert not compared(captured, capture(live)).differences


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_all_element_types(dtype):
    captured = capture({"a": filled(4, 3, dtype=dtype)})

    anew = put_back(captured, {})
    over = put_back(captured, {"a": torch.zeros(4, 3).to(dtype)})

    assert difference(anew, {"a": filled(4, 3, dtype=dtype)}) is None
    assert difference(over, {"a": filled(4, 3, dtype=dtype)}) is None


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_all_forms(make):
    captured = capture({"a": make()})

    anew = put_back(captured, {})
    over = put_back(captured, {"a": make()})
    instead = put_back(captured, {"a": "something else"})

    for restored in (anew, over, instead):
        assert difference(restored, {"a": make()}) is None


@pytest.mark.parametrize("make", [filled, lambda: filled(3, 4).t(), parameter_with_gradient])
def test_a_tensor_is_filled_where_it_lies(make):
    live = {"a": make()}
    tensor, captured = live["a"], capture(live)
    with torch.no_grad():
        tensor.fill_(7)
        if tensor.grad is not None:
            tensor.grad.fill_(7)
    gradient = tensor.grad

    put_back(captured, live)

    assert live["a"] is tensor
    assert tensor.grad is gradient
    assert difference(live, {"a": make()}) is None


def test_a_gradient_that_was_none_is_none_again():
    live = {"a": nn.Parameter(torch.ones(2))}
    captured = capture(live)
    live["a"].sum().backward()

    put_back(captured, live)

    assert live["a"].grad is None


def test_a_gradient_that_is_gone_comes_back():
    live = {"a": parameter_with_gradient()}
    captured = capture(live)
    live["a"].grad = None

    put_back(captured, live)

    assert difference(live, {"a": parameter_with_gradient()}) is None


def views(starts: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
    whole = filled(24)
    return {
        "whole": whole,
        **{f"v{n}": whole[at : at + size] for n, (at, size) in enumerate(starts)},
        "square": whole[4:20].view(4, 4).t(),
        "apart": filled(24),
    }


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), max_size=4), st.booleans())
def test_views_share_their_storage_again(starts, into_live):
    captured = capture(views(starts))
    live = views(starts) if into_live else {}
    for tensor in live.values():
        tensor.zero_()

    put_back(captured, live)

    assert difference(live, views(starts)) is None


def test_views_taken_before_see_what_was_restored():
    live = {"a": filled(4, 4)}
    captured, row = capture(live), live["a"][1]
    live["a"].zero_()

    put_back(captured, live)

    assert difference(row.clone(), filled(4, 4)[1].clone()) is None


def test_views_that_came_apart_share_again():
    live = {"a": filled(6)}
    live["b"] = live["a"][2:]
    captured = capture(live)
    live["b"] = live["b"].clone()

    put_back(captured, live)

    live["a"][2] = 5
    assert live["b"][0] == 5


def test_a_tensor_of_another_shape_is_replaced():
    captured = capture({"a": filled(4)})

    live = put_back(captured, {"a": filled(2, 2)})

    assert difference(live, {"a": filled(4)}) is None


def test_a_loss_looks_as_before_and_refuses_to_go_backward():
    weight = nn.Parameter(torch.ones(3))
    live = {"weight": weight, "loss": (weight * 2).sum()}
    shown, captured = repr(live["loss"]), capture(live)
    live["loss"] = None

    put_back(captured, live)

    assert repr(live["loss"]) == shown
    assert live["loss"].item() == 6.0
    with pytest.raises(GraphNotRestored, match="SumBackward0"):
        live["loss"].backward()


def test_attributes_of_a_tensor_come_back():
    live = {"a": filled(2)}
    live["a"].tag = ["x"]
    captured = capture(live)
    live["a"].tag = None

    put_back(captured, live)

    assert live["a"].tag == ["x"]


def test_a_meta_tensor_is_named_and_stays():
    live = {"a": torch.empty(3, device="meta")}
    captured = capture(live)

    put_back(captured, live)

    assert live["a"].device.type == "meta"
