"""The text of a tree is that of all its nodes, whatever was kept of the one before."""

from __future__ import annotations

import json

import pytest

from florlib.runtime.graph.texts import TreeTexts


def test_kept_texts_are_those_of_the_nodes_that_are_there_now():
    texts = TreeTexts()
    kept, gone = {"k": "list", "v": [1, "é\ud800", 0.1]}, {"k": "dict", "v": [["a", None]]}
    first = {"roots": [["frame", "a", ["r", 0]]], "nodes": [kept, gone]}
    second = {"roots": [["frame", "b", 2]], "nodes": [{"k": "set", "v": []}, kept, {}]}

    found = [json.loads(texts.encode(tree)) for tree in (first, second, first)]

    assert found == [first, second, first]


def test_equal_nodes_are_told_apart():
    texts = TreeTexts()
    texts.encode({"roots": [], "nodes": [{"v": [1]}]})

    assert (
        texts.encode({"roots": [], "nodes": [{"v": [True]}]})
        == '{"roots":[],"nodes":[{"v":[true]}]}'
    )


def test_a_float_that_json_does_not_have_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        TreeTexts().encode({"roots": [], "nodes": [{"v": [float("nan")]}]})
