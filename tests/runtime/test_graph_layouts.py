"""Sparse, quantised and packed tensors come back; stock safetensors opens the files they are in."""

from __future__ import annotations

import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from florlib.runtime.graph.decode import Decoder
from florlib.runtime.graph.encode import Encoder
from florlib.runtime.graph.standin import GraphNotRestored
from florlib.stores.checkpoints import Buffer, Checkpoint, publish
from tests.runtime.graphs import (
    SCOPE,
    capture,
    compared,
    difference,
    is_project,
    put_back,
    stored,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse:UserWarning", "ignore:torch.quantize_per:UserWarning"
)


def dense() -> torch.Tensor:
    return torch.tensor([[0.0, 1, 0, -2], [3, 0, 0, 0], [0, 0, 0, 0], [0, 0.5, 4, 0]])


def uncoalesced() -> torch.Tensor:
    return torch.sparse_coo_tensor([[0, 1, 0], [1, 1, 1]], [0.5, 1.0, 2.0], (2, 2))


def with_gradient() -> torch.Tensor:
    leaf = dense().to_sparse_csr().requires_grad_()
    leaf.grad = (dense() * 2).to_sparse_csr()
    return leaf


def per_tensor(dtype: torch.dtype = torch.quint8) -> torch.Tensor:
    return torch.quantize_per_tensor(dense(), 0.1, 3, dtype)


def per_channel() -> torch.Tensor:
    scales, zero_points = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([1, 0, 2, 5])
    return torch.quantize_per_channel(dense(), scales, zero_points, 1, torch.qint8)


def packed(name: str) -> torch.Tensor:
    return torch.arange(5, dtype=torch.uint8).view(getattr(torch, name))


MADE = {
    "COO": lambda: dense().to_sparse(),
    "COO with rows of values": lambda: dense().to_sparse(1),
    "COO that was not added up": uncoalesced,
    "COO of nothing": lambda: torch.zeros(2, 3).to_sparse(),
    "a transposed COO": lambda: dense().to_sparse().t(),
    "CSR": lambda: dense().to_sparse_csr(),
    "CSC": lambda: dense().to_sparse_csc(),
    "BSR": lambda: dense().to_sparse_bsr((2, 2)),
    "BSC": lambda: dense().to_sparse_bsc((2, 2)),
    "CSR of nothing": lambda: torch.zeros(2, 3).to_sparse_csr(),
    "CSR of bfloat16": lambda: dense().bfloat16().to_sparse_csr(),
    "a batch of CSR": lambda: torch.stack([dense(), dense()]).to_sparse_csr(),
    "a CSR leaf with its gradient": with_gradient,
    "a COO parameter": lambda: nn.Parameter(dense().to_sparse()),
    "a CSR parameter": lambda: nn.Parameter(dense().to_sparse_csr(), requires_grad=False),
    "one scale, unsigned": per_tensor,
    "one scale, signed": lambda: per_tensor(torch.qint8),
    "one scale, 32 bits": lambda: per_tensor(torch.qint32),
    "a scale for each channel": per_channel,
    "a part of a quantised tensor": lambda: per_tensor()[1:3],
    "a transposed quantised tensor": lambda: per_tensor().t(),
}


def through_a_file(path, live) -> dict[str, torch.Tensor]:
    """Publish a capture; what safetensors loads of it by itself."""
    captured = capture(live)
    blocks = captured.blocks.items()
    publish(path, captured.tree, [Buffer(n, b.dtype, b.shape, b.view) for n, b in blocks])
    assert not captured.missing
    loaded = load_file(path)
    opened = Checkpoint.open(path)
    assert set(loaded) == {name for name in opened.names if opened.entry(name).stored_as == name}
    return loaded


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_all_layouts(tmp_path, make):
    live = {"a": make()}
    captured = capture(live)

    anew = put_back(captured, {})
    over = put_back(captured, {"a": make()})
    instead = put_back(captured, {"a": torch.zeros(4, 4)})

    for restored in (anew, over, instead):
        assert difference(restored, {"a": make()}) is None
        assert not compared(captured, capture(restored)).differences
    assert through_a_file(tmp_path / "c", live)


NAMES = [
    *(f"uint{n}" for n in range(1, 8)), *(f"int{n}" for n in range(1, 8)), "float4_e2m1fn_x2",
    "bits8", "bits4x2", "bits2x4", "bits1x8",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(torch, name)])
def test_elements_of_less_than_a_byte(tmp_path, name):
    captured = capture({"a": packed(name)})

    anew = put_back(captured, {})["a"]
    over = put_back(captured, {"a": torch.zeros(5, dtype=torch.uint8).view(packed(name).dtype)})[
        "a"
    ]

    for restored in (anew, over):
        assert restored.dtype is packed(name).dtype
        assert restored.view(torch.uint8).tolist() == [0, 1, 2, 3, 4]
    loaded = through_a_file(tmp_path / "c", {"a": packed(name)})
    assert loaded["a"].view(torch.uint8).tolist() == [0, 1, 2, 3, 4]


def test_a_sparse_tensor_and_its_values_share_memory_again():
    live = {"matrix": dense().to_sparse_csr()}
    live["values"] = live["matrix"].values()

    restored = put_back(capture(live), {})
    restored["values"][0] = 7

    assert restored["matrix"].values()[0] == 7


def test_views_of_a_quantised_tensor_share_memory_again():
    live = {"whole": per_tensor()}
    live["row"] = live["whole"][1]

    restored = put_back(capture(live), {})

    assert difference(restored, live) is None
    assert (
        restored["row"].untyped_storage().data_ptr()
        == restored["whole"].untyped_storage().data_ptr()
    )


@pytest.mark.parametrize("make", [lambda: dense().to_sparse(), lambda: dense().to_sparse_csr()])
def test_a_sparse_result_refuses_to_go_backward(make):
    live = {"result": make().requires_grad_() * 2}
    captured = capture(live)

    restored = put_back(captured, {})["result"]

    assert restored.to_dense().tolist() == (dense() * 2).tolist()
    with pytest.raises(GraphNotRestored, match="MulBackward0"):
        restored.sum().backward()


def test_nothing_is_told_anew_of_what_the_script_was_warned_of():
    captured = capture({"a": per_tensor(), "b": per_channel(), "c": dense().to_sparse_csr()})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = put_back(captured, {})

    assert set(restored) == {"a", "b", "c"}


@pytest.mark.parametrize("make", [lambda: dense().to_sparse(), lambda: dense().to_sparse_csr()])
def test_a_sparse_result_keeps_its_graph_within_a_process(make):
    leaf = make().requires_grad_()
    result = leaf * 2
    captured = Encoder(is_project, graphs={}).capture([(SCOPE, "result", result)])
    state = stored(captured)
    result.detach().values().zero_()

    decoder = Decoder(state.tree, state.read, graphs=captured.graphs)
    bindings = decoder.restore({(SCOPE, "result"): result}, frozenset())
    result.sum().backward()

    assert not bindings
    assert result.to_dense().tolist() == (dense() * 2).tolist()
    assert leaf.grad is not None


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without it")
def test_other_layouts_are_named():
    captured = capture({"a": dense().to_mkldnn()})

    assert [item.reason for item in captured.missing] == ["a tensor of layout torch._mkldnn"]
