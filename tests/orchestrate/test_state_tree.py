"""A captured tree is read without torch: by the names people know, with the values it was made of."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from florctl.orchestrate.states.elements import elements_of
from florctl.orchestrate.states.state_leaves import Shown
from florctl.orchestrate.states.state_tree import PartNotFound, StateTree
from florlib.runtime.graph.encode import Encoder
from florlib.stores.elements import NoElements, stats_of
from tests.runtime.graphs import capture, stored


class Point(NamedTuple):
    """A named tuple of the script's."""

    x: int
    y: float


def tree_of(**names: Any) -> StateTree:
    state = stored(capture(names))
    return StateTree(state.tree, state.read)


def scoped(*roots: tuple[str, str, Any]) -> StateTree:
    state = stored(Encoder(lambda module: False).capture(roots))
    return StateTree(state.tree, state.read)


def value(tree: StateTree, name: str) -> Any:
    return tree.value(tree.find(name))


VALUES = [
    None, True, 3, -(1 << 9000), 0.1, float("inf"), -0.0, "text", "x" * 5000, b"bytes", b"y" * 5000,
    1 + 2j, complex(float("inf"), -0.0), range(3, 9, 2), ..., (1, (2, "three")), [1, [2.5, None]],
    list(range(5000)), [0.5] * 5000, {"a": 1, 2: [3], (4, 5): {}}, {1, 2, 3}, frozenset({"one"}),
    deque([1, 2], maxlen=3), bytearray(b"abc"), OrderedDict(a=1), np.float32(0.1), np.int8(-3),
]  # fmt: skip


@pytest.mark.parametrize("expected", VALUES, ids=lambda item: repr(item)[:30])
def test_values_are_what_they_were(expected):
    found = value(tree_of(a=expected), "a")

    assert found == expected
    assert type(found) is (dict if isinstance(expected, dict) else type(expected))


def test_what_only_the_script_can_make_is_told_by_a_text():
    tree = tree_of(
        point=Point(1, 2.5),
        path=Path("a/b"),
        dtype=torch.float16,
        device=torch.device("cpu"),
        numpy_dtype=np.dtype("<f4"),
        inside=[torch.zeros(2, 3), Fraction(1, 2), nn.Linear],
    )

    shown = {name: repr(tree.value(content)) for name, content in tree.roots()}

    assert shown == {
        "point": "Point(1, 2.5)",
        "path": "PosixPath('a/b')",
        "dtype": "torch.float16",
        "device": "torch.device('cpu')",
        "numpy_dtype": "dtype('<f4')",
        "inside": "[<Tensor float32 [2, 3]>, <Fraction>, torch.nn.modules.linear.Linear]",
    }


def test_a_list_that_holds_itself_is_told():
    own: list[Any] = [1]
    own.append(own)

    assert value(tree_of(a=own), "a") == [1, Shown("...")]


def trained() -> dict[str, Any]:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.25)
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    return {"net": net, "optimizer": optimizer}


def test_names_lead_through_networks_optimizers_and_containers():
    live = trained()
    config = SimpleNamespace(sizes=[1, 2, 3], table={"a b": 1, 3: 2, "c": {"d": 4}})
    tree = tree_of(**live, config=config, seen=defaultdict(list, x=[5]))

    assert value(tree, "optimizer.param_groups[0].lr") == 0.25
    assert value(tree, "optimizer.param_groups[-1]['lr']") == 0.25
    assert value(tree, 'optimizer.param_groups[0]["betas"][1]') == 0.999
    assert value(tree, "net.training") is True
    assert value(tree, "config.sizes[2]") == value(tree, "config.sizes.2") == 3
    assert value(tree, "config.table['a b']") == 1
    assert value(tree, "config.table[3]") == 2
    assert value(tree, "config.table.c.d") == 4
    assert value(tree, "seen.x") == [5]
    for name, expected in {
        "net.0.weight": live["net"][0].weight,
        "net[0].weight": live["net"][0].weight,
        "net.0.weight.grad": live["net"][0].weight.grad,
        "net.1.running_mean": live["net"][1].running_mean,
        "optimizer.state[net.0.bias].exp_avg": live["optimizer"].state[live["net"][0].bias][
            "exp_avg"
        ],
    }.items():
        found = elements_of(tree, name, tree.find(name))
        assert np.array_equal(found, expected.detach().numpy())


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("nat", "net"),
        ("net.0.wait", "net.0.weight"),
        ("net.0.weight.grad.x", None),
        ("optimizer.param_groups[1]", "optimizer.param_groups[0]"),
        ("optimizer.param_groups[-2]", "optimizer.param_groups[0]"),
        ("net[", "net.0"),
        ("net]", None),
        ("net..0", "net.0"),
        ("optimizer.state[net.0", None),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(name, known):
    with pytest.raises(PartNotFound) as missing:
        tree_of(**trained()).find(name)

    assert known is None or known in missing.value.known


def test_inner_names_hide_outer_ones_which_have_their_function_or_module_in_front():
    tree = scoped(
        ("rng", "torch", 1),
        ("frame 1 main", "lr", 2),
        ("frame 2 train", "lr", 3),
        ("module helper", "lr", 4),
        ("module __main__", "lr", 5),
        ("module __main__", "only", 6),
        ("module __main__", "np", np),
        ("line", "print", ""),
    )

    assert {name: tree.value(content) for name, content in tree.roots()} == {
        "lr": 3,
        "main.lr": 2,
        "__main__.lr": 5,
        "only": 6,
        "helper.lr": 4,
        "rng.torch": 1,
    }
    assert [name for name, _ in tree.roots()][:2] == ["lr", "main.lr"]
    assert value(tree, "train.lr") == 3
    assert value(tree, "__main__.only") == 6


DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.complex32, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool,
    torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
]  # fmt: skip
NARROW = (torch.bfloat16, torch.complex32)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_elements_of_every_type_are_those_that_torch_has(dtype):
    # All that the first two bytes can be.
    raw = torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16).view(torch.uint8)
    live = (raw % 2).to(dtype) if dtype is torch.bool else raw.view(dtype)
    tree = tree_of(a=live)

    found = elements_of(tree, "a", tree.find("a"))

    wide = live
    if dtype in NARROW or str(dtype).startswith("torch.float8"):
        wide = live.to(torch.complex64 if dtype.is_complex else torch.float32)
    assert np.array_equal(
        found, wide.numpy(), equal_nan=dtype.is_floating_point or dtype.is_complex
    )
    assert tree.dtype(tree.find("a")) == str(dtype).removeprefix("torch.")


FORMS = {
    "transposed": torch.arange(6.0).reshape(2, 3).t(),
    "every other": torch.arange(20.0)[3::4],
    "expanded": torch.arange(4.0).expand(3, 4),
    "a number": torch.tensor(2.5),
    "nothing": torch.empty(0, 3),
    "a conjugate": torch.tensor([1 + 2j]).conj(),
    "negated": torch.tensor([1 + 2j]).conj().imag,
    "channels last": torch.arange(48.0).reshape(1, 3, 4, 4).to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("live", FORMS.values(), ids=FORMS)
def test_elements_stand_in_the_tensors_own_order(live):
    tree = tree_of(a=live)

    found = elements_of(tree, "a", tree.find("a"))

    assert found.shape == tuple(live.shape)
    assert np.array_equal(found, live.resolve_conj().resolve_neg().numpy())


@pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning")
@pytest.mark.parametrize("dtype", [torch.quint8, torch.qint8, torch.qint32], ids=str)
def test_elements_of_quantised_tensors_are_the_numbers_that_they_stand_for(dtype):
    plain = torch.linspace(-3, 5, 12).reshape(3, 4)
    scales, zero_points = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1, 0, 2])
    live = {
        "one": torch.quantize_per_tensor(plain, 0.1, 3, dtype),
        "each": torch.quantize_per_channel(plain, scales, zero_points, 0, dtype),
    }
    tree = tree_of(**live)

    for name, expected in live.items():
        found = elements_of(tree, name, tree.find(name))
        assert np.array_equal(found, expected.dequantize().numpy())


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_tensors_have_their_parts():
    matrix = torch.tensor([[0, 1.0], [2, 0]])
    tree = tree_of(coo=matrix.to_sparse(), csr=matrix.to_sparse_csr())

    assert tree.describe(tree.find("csr")) == "<Tensor float32 [2, 2]>"
    for name in ("coo.indices", "coo.values", "csr.compressed", "csr.plain", "csr.values"):
        assert elements_of(tree, name, tree.find(name)).size
    with pytest.raises(NoElements):
        elements_of(tree, "csr", tree.find("csr"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_elements_of_arrays_and_of_their_views(order):
    whole = np.arange(12.0).reshape(3, 4).copy(order=order)
    tree = tree_of(whole=whole, view=whole[::-1, 1:3], text=np.array(["a", "bcd"]))

    for name, expected in {"whole": whole, "view": whole[::-1, 1:3]}.items():
        assert np.array_equal(elements_of(tree, name, tree.find(name)), expected)
    assert elements_of(tree, "text", tree.find("text")).tolist() == ["a", "bcd"]


@pytest.mark.parametrize("name", ["number", "objects", "net"])
def test_what_has_no_elements_says_what_it_is(name):
    tree = tree_of(number=3, objects=np.array([None, "x"], dtype=object), net=nn.Linear(1, 1))

    with pytest.raises(NoElements, match=f"^{name} is <"):
        elements_of(tree, name, tree.find(name))


def test_figures_are_those_that_torch_has():
    live = torch.linspace(-3, 5, 50, dtype=torch.float64)

    figures = stats_of(live.numpy())

    assert (figures.min, figures.max, figures.elements) == (-3, 5, 50)
    assert figures.mean == pytest.approx(live.mean().item())
    assert figures.std == pytest.approx(live.std().item())
    assert figures.norm == pytest.approx(live.norm().item())


def test_figures_leave_out_what_is_not_finite_and_count_it():
    figures = stats_of(np.array([1.0, np.nan, 3.0, np.inf, -np.inf]))

    assert (figures.min, figures.max, figures.mean, figures.nan, figures.inf) == (1, 3, 2, 1, 2)
    assert np.isnan(figures.norm)
    assert stats_of(np.array([np.inf, 1.0])).norm == np.inf


def test_figures_of_none_of_whole_numbers_of_truths_and_of_complex_numbers():
    empty = stats_of(np.empty(0, np.float32))

    assert (empty.elements, empty.min, empty.mean, empty.std, empty.norm) == (
        0,
        None,
        None,
        None,
        None,
    )
    assert stats_of(np.array([1 << 62, 3])).max == 1 << 62
    assert stats_of(np.array([True, False])).mean == 0.5
    assert stats_of(np.array([2.0])).std is None
    assert (stats_of(np.array([3 + 4j])).norm, stats_of(np.array([3 + 4j])).max) == (5, None)
