"""A tree as JSON text, of which only what has changed is written anew."""

from __future__ import annotations

from json import dumps
from typing import Any

from florlib.ground.checkpoint_format import JsonText
from florlib.runtime.graph.known import identity


class TreeTexts:
    """Keeps the texts of nodes from one tree to the next; a node that is the same object stays."""

    def __init__(self) -> None:
        self._texts: dict[
            int, tuple[dict[str, Any], str]
        ] = {}  # by identity; a node is kept with its text

    def encode(self, tree: dict[str, Any]) -> JsonText:
        """The text of a tree.

        >>> TreeTexts().encode({"roots": [["", "a", ["r", 0]]], "nodes": [{"k": "list", "v": []}]})
        '{"roots":[["","a",["r",0]]],"nodes":[{"k":"list","v":[]}]}'

        Raises:
            ValueError: a float in it is not finite.
        """
        before, now = self._texts, {}
        for node in tree["nodes"]:
            key = identity(node)
            now[key] = before.get(key) or (node, _text(node))
        self._texts = now
        nodes = ",".join([now[identity(node)][1] for node in tree["nodes"]])
        return JsonText(f'{{"roots":{_text(tree["roots"])},"nodes":[{nodes}]}}')


def _text(content: Any) -> str:
    return dumps(content, separators=(",", ":"), allow_nan=False)
