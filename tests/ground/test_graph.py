"""Two trees are compared item by item, under the names that people know."""

from __future__ import annotations

from typing import Any

import pytest

from florlib.ground.graph import compare_trees, readable_path


def tree(*nodes: dict[str, Any], **roots: Any) -> dict[str, Any]:
    """A tree whose roots are given by name; a number n in `["r", n]` is that of a node."""
    return {"roots": [["s", name, value] for name, value in roots.items()], "nodes": list(nodes)}


def differences(one, other, digests=({}, {}), ignored=lambda root: False):
    """(item, recorded, replayed) of all differences."""
    found = compare_trees(one, other, digests, ignored=ignored).differences
    return [(part.item, part.recorded, part.replayed) for part in found]


def items(*values: Any) -> dict[str, Any]:
    return {"k": "list", "v": list(values)}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (1, 2, ("1", "2")),
        (1, True, ("1", "True")),
        (0.0, -0.0, ("0.0", "-0.0")),
        (["f", "nan"], 1.0, ("['f', 'nan']", "1.0")),
        (["f", "nan"], ["f", "inf"], ("['f', 'nan']", "['f', 'inf']")),
        (["t", 1], ["t", 1, 2], ("['t', 1]", "['t', 1, 2]")),
        (["r", 0], ["t", 1], ("['r', 0]", "['t', 1]")),
        ("x" * 70, "y", ("x" * 57 + "...", "y")),
        ([], 1, ("[]", "1")),
    ],
)
def test_values(one, other, told):
    assert differences(tree(items(), a=one), tree(items(), a=other)) == [("a", *told)]
    assert differences(tree(items(), a=one), tree(items(), a=one)) == []


def test_tags_are_followed_to_their_parts():
    for tag in (["t"], ["fs"], ["slice"], ["nt", "m", "Pair"]):
        one, other = [*tag, 1, ["t", 2]], [*tag, 1, ["t", 3]]
        (found,) = differences(tree(a=one), tree(a=other))
        assert found[0].endswith("[0]")
        assert found[1:] == ("2", "3")


def test_what_stayed_as_it_was_is_not_compared():
    assert differences(tree(a=["live", "Lock"]), tree(a=3)) == []


def test_keys_that_are_addresses_are_followed_to_their_objects():
    one, other = tree(items(1), a=["id", 0]), tree(items(2), a=["id", 0])

    assert differences(one, one) == []
    assert differences(one, other) == [("a[0]", "1", "2")]


def test_texts_are_compared_by_digest():
    one, other = tree(a=["text", "x"]), tree(a=["text", "y"])

    assert differences(one, other, ({"x": "1"}, {"y": "1"})) == []
    assert differences(one, other, ({"x": "1" * 20}, {"y": "2"})) == [
        ("a", "digest 111111111111", "digest 2")
    ]


def test_a_root_that_is_gone():
    assert differences(tree(a=1), tree(b=1)) == [("a", "1", "absent")]


def test_roots_that_need_not_agree():
    assert differences(tree(a=1, b=2), tree(a=3, b=2), ignored=lambda root: root[1] == "a") == []


def test_items_are_counted():
    found = compare_trees(
        tree(items(1, 2), a=["r", 0]), tree(items(1, 2), a=["r", 0]), ({}, {}),
        ignored=lambda root: False,
    )  # fmt: skip

    assert found.checked == 2


NODES = {
    "kind": (items(), {"k": "set", "v": []}, ("a", "a list", "a set")),
    "class": (
        {"k": "list", "c": ["m", "Stack"], "v": []},
        items(),
        ("a", "a Stack", "a list"),
    ),
    "length": (items(1), items(1, 2), ("a", "1 elements", "2 elements")),
    "item": (items(1, 5), items(1, 2), ("a[1]", "5", "2")),
    "plain part": (
        {"k": "deque", "maxlen": 2, "v": []},
        {"k": "deque", "maxlen": 3, "v": []},
        ("a.maxlen", "2", "3"),
    ),
    "text key": (
        {"k": "dict", "v": [["x", 1]]},
        {"k": "dict", "v": [["x", 2]]},
        ("a['x']", "1", "2"),
    ),
    "number key": (
        {"k": "dict", "v": [[7, 1]]},
        {"k": "dict", "v": [[7, 2]]},
        ("a[7]", "1", "2"),
    ),
    "other key": (
        {"k": "dict", "v": [[["t", 1], 1]]},
        {"k": "dict", "v": [[["t", 1], 2]]},
        ("a[<0>]", "1", "2"),
    ),
    "key": ({"k": "dict", "v": [["x", 1]]}, {"k": "dict", "v": [["y", 1]]}, ("a.key", "x", "y")),
    "factory": (
        {"k": "dict", "factory": ["g", "builtins", "list"], "v": []},
        {"k": "dict", "factory": None, "v": []},
        ("a.factory", "['g', 'builtins', 'list']", "None"),
    ),
    "attribute": (
        {"k": "object", "d": [["x", 1]]},
        {"k": "object", "d": [["x", 2]]},
        ("a.x", "1", "2"),
    ),
    "attribute gone": ({"k": "object", "d": [["x", 1]]}, {"k": "object"}, ("a.x", "1", "absent")),
    "attribute new": ({"k": "object"}, {"k": "object", "d": [["x", 1]]}, ("a.x", "absent", "1")),
    "cell": (
        {"k": "function", "cells": [["n", 1]]},
        {"k": "function", "cells": [["n", 2]]},
        ("a.n", "1", "2"),
    ),
    "default": (
        {"k": "function", "defaults": [1, 2]},
        {"k": "function", "defaults": [1, 3]},
        ("a.<default 1>", "2", "3"),
    ),
    "gradient": (
        {"k": "tensor", "grad": ["t", 1]},
        {"k": "tensor"},
        ("a.grad", "['t', 1]", "None"),
    ),
}


@pytest.mark.parametrize(("one", "other", "told"), NODES.values(), ids=NODES)
def test_nodes(one, other, told):
    assert differences(tree(one, a=["r", 0]), tree(other, a=["r", 0])) == [told]
    assert differences(tree(one, a=["r", 0]), tree(one, a=["r", 0])) == []


def test_blocks_are_compared_by_digest_under_whatever_name():
    one, other = {"k": "bytearray", "t": "x"}, {"k": "bytearray", "t": "y"}
    trees = tree(one, a=["r", 0]), tree(other, a=["r", 0])

    assert differences(*trees, ({"x": "1"}, {"y": "1"})) == []
    assert differences(*trees, ({"x": "1"}, {"y": "2"})) == [("a", "digest 1", "digest 2")]


def test_a_list_that_is_packed_in_one_tree_alone():
    trees = tree({"k": "list", "p": "int64", "t": "x"}, a=["r", 0]), tree(items(), a=["r", 0])

    assert ("a", "digest 1", "digest None") in differences(*trees, ({"x": "1"}, {}))


def test_bytes_that_no_tensor_shows_are_nobodys():
    one = {"k": "tensor", "storage": 1, "content": "1"}
    storage = {"k": "storage", "t": "x", "partial": True}
    trees = tree(one, storage, a=["r", 0]), tree(one, storage, a=["r", 0])

    assert differences(*trees, ({"x": "1"}, {"x": "2"})) == []


def test_owners_of_views_are_followed():
    view, one, other = (
        {"k": "array", "owner": 1},
        {"k": "array", "t": "x"},
        {"k": "array", "t": "y"},
    )

    assert differences(
        tree(view, one, a=["r", 0]), tree(view, other, a=["r", 0]), ({"x": "1"}, {"y": "2"})
    ) == [("a", "digest 1", "digest 2")]


def test_sharing_is_compared():
    shared = tree(items(), a=["r", 0], b=["r", 0])
    apart = tree(items(), items(), a=["r", 0], b=["r", 1])

    assert differences(shared, apart) == [("b", "shared with another name", "not shared")]
    assert differences(shared, shared) == []


def test_objects_that_came_to_be_shared():
    shared = tree(items(), a=["r", 0], b=["r", 0])
    apart = tree(items(), items(), a=["r", 0], b=["r", 1])

    assert differences(apart, shared) == [("b", "an object of its own", "shared with another name")]


def test_a_circle_ends():
    assert differences(tree(items(["r", 0]), a=["r", 0]), tree(items(["r", 0]), a=["r", 0])) == []


def test_names_of_networks_are_readable():
    path = "net._modules['0']._modules['fc']._parameters['weight'].grad"

    assert readable_path(path) == "net.0.fc.weight.grad"
    assert readable_path("a['_modules']") == "a['_modules']"


def objects(*numbers: int) -> dict[str, Any]:
    """A set of the nodes with these numbers."""
    return {"k": "set", "v": [["r", number] for number in numbers]}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((objects(1, 2), items(1), items(2)), (objects(2, 1), items(1), items(2)), []),
        (
            (objects(1, 2), items(1), items(2), items(3)),
            (objects(1, 3), items(1), items(2), items(3)),
            [("a", "an object that is there", "absent")],
        ),
        ((objects(1),), (objects(1, 2),), [("a", "1 elements", "2 elements")]),
        (
            ({"k": "set", "v": [["r", 1], 5]},),
            ({"k": "set", "v": [4, 5]},),
            [("a", "1 objects", "0 objects"), ("a[0]", "5", "4")],
        ),
    ],
)
def test_objects_of_sets_are_known_by_where_else_they_are(one, other, told):
    names = {f"n{number}": ["r", number] for number in range(1, len(one))}
    rest = (items(9),) * (4 - len(one))
    left, right = (tree(*nodes, *rest, a=["r", 0], **names) for nodes in (one, other))
    assert differences(left, right) == told


def test_objects_of_sets_alone_are_taken_in_their_order():
    one, other = tree(objects(1), items(1), a=["r", 0]), tree(objects(1), items(2), a=["r", 0])
    assert differences(one, other) == [("a[0][0]", "1", "2")]
