"""A capture that builds on the one before finds what one that starts anew finds."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict, deque

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from florlib.runtime.arena import make_private
from florlib.runtime.graph.captured import Captured
from florlib.runtime.graph.encode import Encoder
from florlib.runtime.graph.known import Known
from tests.runtime.graphs import SCOPE, capture, compared, difference, is_project, put_back
from tests.runtime.recipes import build, leaves, recipes
from tests.runtime.things import Thing


def captured_again(names: dict[str, object], known: Known) -> Captured:
    """A capture that builds on what is known."""
    encoder = Encoder(is_project, known=known)
    captured = encoder.capture((SCOPE, name, value) for name, value in names.items())
    captured.alive.append(make_private(captured.blocks))
    return captured


def change(names: dict[str, object], dice: random.Random, leaf: object) -> None:
    """Change one thing, anywhere."""
    name = dice.choice(sorted(names))
    value = names[name]
    other = names[dice.choice(sorted(names))] if dice.random() < 0.5 else leaf
    if dice.random() < 0.15:
        names[name] = other
    elif isinstance(value, dict):
        key = dice.choice([*value, "new"])
        if dice.random() < 0.3:
            value.pop(key, None)
        else:
            value[key] = other
        if isinstance(value, OrderedDict) and value and dice.random() < 0.3:
            value.move_to_end(next(iter(value)))
    elif isinstance(value, (list, deque)):
        if value and dice.random() < 0.4:
            value.pop()
        elif value and dice.random() < 0.3:
            value[0], value[-1] = value[-1], value[0]
        else:
            value.append(other)
    elif isinstance(value, set):
        value.discard(next(iter(value), None))
        value.update({dice.randrange(30), dice.randrange(30)})
    elif isinstance(value, bytearray):
        value.extend(b"more")
    elif isinstance(value, Thing):
        setattr(value, dice.choice("xyz"), other)


@settings(max_examples=150, deadline=None)
@given(recipes, st.lists(st.lists(leaves, max_size=3), min_size=1, max_size=4), st.integers(0, 99))
def test_it_is_what_a_fresh_one_would_be(recipe, rounds, seed):
    names, known, dice = build(recipe), Known(), random.Random(seed)
    captured_again(names, known)
    for changes in rounds:
        for leaf in changes:
            change(names, dice, leaf)

        again, fresh = captured_again(names, known), capture(names)

        assert compared(fresh, again).differences == ()
        assert compared(again, fresh).differences == ()
        assert len(again.missing) == len(fresh.missing)
        if not again.missing:
            assert difference(put_back(again, {}), put_back(fresh, {})) is None


def trained() -> dict[str, object]:
    """A small network after a step, with an optimizer and things beside it."""
    torch.manual_seed(3)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    names = {"net": net, "optimizer": optimizer, "history": [], "window": deque(maxlen=2)}
    names["best"] = copy.deepcopy(net.state_dict())  # an OrderedDict with an attribute
    step(names)
    return names


def step(names: dict[str, object]) -> None:
    """Train for one step; gradients are new tensors, the rest changes in place."""
    net, optimizer = names["net"], names["optimizer"]
    optimizer.zero_grad(set_to_none=True)
    loss = net(torch.randn(5, 3)).square().mean()
    loss.backward()
    optimizer.step()
    names["history"].append(loss.item())
    names["window"].append(loss.detach())
    names["loss"] = loss


CHANGES = {
    "nothing": lambda net, optimizer: None,
    "eval": lambda net, optimizer: net.eval(),
    "a frozen layer": lambda net, optimizer: net[0].requires_grad_(False),
    "no gradients": lambda net, optimizer: optimizer.zero_grad(set_to_none=True),
    "a learning rate": lambda net, optimizer: optimizer.param_groups[0].update(lr=0.2),
    "another weight": lambda net, optimizer: setattr(
        net[2], "weight", torch.nn.Parameter(torch.ones(2, 4))
    ),
    "data of its own": lambda net, optimizer: setattr(net[0].weight, "data", torch.ones(4, 3)),
    "data transposed": lambda net, optimizer: setattr(net[0].weight, "data", torch.ones(3, 4).t()),
    "another type": lambda net, optimizer: net.double(),
    "tied": lambda net, optimizer: setattr(net[2], "bias", net[0].bias),
    "a hook": lambda net, optimizer: net[1].register_forward_hook(print),
    "a view": lambda net, optimizer: setattr(net, "row", net[0].weight.detach()[0]),
    "a mark on a weight": lambda net, optimizer: setattr(net[0].weight, "mark", [1]),
    "a module less": lambda net, optimizer: net.__delitem__(1),
    "a state less": lambda net, optimizer: optimizer.state.pop(net[0].weight),
    "a larger storage": lambda net, optimizer: net[0].bias.data.untyped_storage().resize_(64),
}


def test_a_network_that_trains_and_changes_is_found_as_it_is():
    for name, changed in CHANGES.items():
        names, known = trained(), Known()
        captured_again(names, known)
        for _ in range(3):
            step(names)
            assert compared(capture(names), captured_again(names, known)).differences == (), name
        changed(names["net"], names["optimizer"])

        again = captured_again(names, known)

        assert compared(capture(names), again).differences == (), name
        assert compared(again, capture(names)).differences == (), name
        assert referred(again) <= {n for n, node in enumerate(again.tree["nodes"]) if node}


def test_a_hook_that_is_taken_off_leaves_what_was_there_before():
    names, known = trained(), Known()
    captured_again(names, known)
    handle = names["net"][0].register_forward_hook(print)
    captured_again(names, known)

    handle.remove()

    again = captured_again(names, known)
    assert compared(capture(names), again).differences == ()
    assert compared(again, capture(names)).differences == ()


def referred(captured: Captured) -> set[int]:
    """The nodes that anything refers to."""
    found: set[int] = set()
    waiting: list[object] = [captured.tree]
    while waiting:
        content = waiting.pop()
        if isinstance(content, dict):
            found.update(content[part] for part in ("storage", "owner") if part in content)
            waiting += content.values()
        elif isinstance(content, list):
            if len(content) == 2 and content[0] == "r":
                found.add(content[1])
            waiting += content
    return found


def test_what_did_not_change_is_not_taken_apart_anew():
    names, known = trained(), Known()
    first = captured_again(names, known)

    again = captured_again(names, known)

    same = sum(a is b for a, b in zip(first.tree["nodes"], again.tree["nodes"], strict=True))
    assert same > 0.8 * len(first.tree["nodes"])
    assert again.blocks.keys() == first.blocks.keys()


def test_nothing_is_kept_alive():
    import weakref

    names, known = trained(), Known()
    names["extra"] = {"tensor": torch.ones(3), "thing": Thing(x=1)}
    captured_again(names, known)
    gone = [weakref.ref(names["extra"]["tensor"]), weakref.ref(names["extra"]["thing"])]

    del names["extra"]

    assert [one() for one in gone] == [None, None]
    captured_again(names, known)
    assert len(known.numbers) < len(known.seen)


def test_each_memory_has_a_block_of_its_own_whatever_comes_and_goes():
    """Keys of a dictionary are all reached by the same path, and so are their gradients."""
    dice, known = random.Random(7), Known()
    keys = [torch.nn.Parameter(torch.full((n % 3 + 1,), float(n))) for n in range(9)]
    kept: dict[str, torch.Tensor] = {}
    names: dict[str, object] = {
        "state": {key: {"n": n} for n, key in enumerate(keys)},
        "kept": kept,
    }
    for turn in range(200):
        for key in dice.sample(keys, 4):
            key.grad = None if dice.random() < 0.5 else torch.full_like(key, float(turn))
        if dice.random() < 0.3:
            kept[f"k{dice.randrange(6)}"] = torch.ones(2) * turn
        if dice.random() < 0.2:
            names["state"] = {key: {"n": n} for n, key in enumerate(keys)}

        captured = captured_again(names, known)

        nodes = [node for node in captured.tree["nodes"] if node.get("k") == "storage"]
        assert len({node["t"] for node in nodes}) == len(nodes) == len(captured.blocks)
        assert compared(captured, capture(names)).differences == ()
