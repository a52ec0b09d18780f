"""Writing recorded contents into objects, live or new: the last pass of a restore."""

from __future__ import annotations

import collections
import enum
from dataclasses import dataclass
from typing import Any

from florlib.runtime.graph import copying, kinds, sparse
from florlib.runtime.graph.building import Builder
from florlib.runtime.graph.bystanders import show
from florlib.runtime.graph.generators import set_generator_state, spawn_as
from florlib.runtime.graph.holders import set_held_value
from florlib.runtime.graph.ordering import Table, fill_in_order
from florlib.runtime.graph.places import (
    ABSENT,
    GIVEN_NAMES,
    PLAIN_CLASS,
    attribute_of,
    cell_content,
    cells_of,
    class_part,
    item_at,
)


@dataclass(slots=True)
class Filler:
    """Fills the objects that a builder gives."""

    builder: Builder

    def fill(self) -> None:
        """Fill every object that the roots lead to."""
        pairing = self.builder.pairing
        copying.fill_storages(self.builder.storages())
        for number in sorted(sorted(pairing.seen), key=lambda one: _turn(pairing.nodes[one])):
            node = pairing.nodes[number]
            fill = _FILL.get(node["k"])
            if fill is not None:
                fill(self, node, self.builder.object(number), number in pairing.paired)
        for bystander, state, parts in pairing.bystanders:
            show(bystander, state)
            for name, content in parts:
                old = getattr(bystander, name, ABSENT)
                value = self.builder.value(content, old)
                if value is not old and value is not ABSENT:
                    setattr(bystander, name, value)

    def _fill_list(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if "t" in node:
            data = self.builder.read(node["t"])
            target[:] = data.cast("q").tolist() if node["p"] == "int64" else data.cast("d").tolist()
        else:
            old = list(target)
            target[:] = [
                self.builder.value(item, item_at(old, n)) for n, item in enumerate(node["v"])
            ]
        self._fill_attributes(node, target)

    def _fill_deque(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        old = list(target)
        values = [self.builder.value(item, item_at(old, n)) for n, item in enumerate(node["v"])]
        target.clear()
        target.extend(values)
        self._fill_attributes(node, target)

    def _fill_set(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        values = [self.builder.value(item, ABSENT) for item in node["v"]]
        fill_in_order(target, values, Table(*node["slots"]) if "slots" in node else None)
        self._fill_attributes(node, target)

    def _fill_bytearray(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        copying.fill_bytearray(target, self.builder.read(node["t"]))

    def _fill_dict(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        items = []
        value_of = self.builder.value
        for key, content in node["v"]:
            new = value_of(key, ABSENT) if isinstance(key, list) else key
            if isinstance(content, list):
                items.append((new, value_of(content, dict.get(target, new, ABSENT))))
            else:
                items.append((new, content))
        if "factory" in node:
            factory = self.builder.value(node["factory"], target.default_factory)
            target.default_factory = factory
        base = collections.OrderedDict if isinstance(target, collections.OrderedDict) else dict
        base.clear(target)
        for key, value in items:
            base.__setitem__(target, key, value)
        self._fill_attributes(node, target)

    def _fill_attributes(self, node: dict[str, Any], target: Any) -> None:
        if type(target) in _WITHOUT_ATTRIBUTES:
            return
        recorded = node.get("d", ())
        present = getattr(target, "__dict__", None)
        slots = kinds.slot_names(type(target))
        for name, content in recorded:
            old = attribute_of(target, name)
            value = self.builder.value(content, old) if isinstance(content, list) else content
            if value is ABSENT or value is old:
                continue
            if present is not None and name not in slots:
                present[name] = value
            else:
                object.__setattr__(target, name, value)
        names = {name for name, _ in recorded}
        if present:
            _drop_others(present, names)
        for name in slots:
            if name not in names and hasattr(target, name):
                object.__delattr__(target, name)

    def _fill_object(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        self._fill_attributes(node, target)

    def _fill_class(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        for name, content in node["d"]:
            old = class_part(target, name)
            value = self.builder.value(content, old)
            if value is old or value is ABSENT:
                continue
            member, _, attribute = name.partition(".")
            if attribute and isinstance(target, enum.EnumMeta):
                setattr(target.__members__[member], attribute, value)
            else:
                setattr(target, name, value)

    def _fill_module(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if target is ABSENT:
            return
        names = vars(target)
        for name, content in node["d"]:
            value = self.builder.value(content, names.get(name, ABSENT))
            if value is not ABSENT:
                names[name] = value
        for name in names.keys() - GIVEN_NAMES - {name for name, _ in node["d"]}:
            del names[name]

    def _fill_function(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if target is ABSENT:
            return
        cells = cells_of(target)
        for name, content in node["cells"]:
            if name in cells:
                old = cell_content(cells[name])
                value = self.builder.value(content, old)
                if value is not old:
                    cells[name].cell_contents = value
        for name, content in node["d"]:
            vars(target)[name] = self.builder.value(content, vars(target).get(name, ABSENT))
        self._fill_defaults(node, target)

    def _fill_defaults(self, node: dict[str, Any], target: Any) -> None:
        old = target.__defaults__ or ()
        new = [self.builder.value(item, item_at(old, n)) for n, item in enumerate(node["defaults"])]
        if any(item is not item_at(old, n) for n, item in enumerate(new)):
            target.__defaults__ = tuple(new)
        if "kwdefaults" in node:
            named = target.__kwdefaults__ or {}
            target.__kwdefaults__ = {
                name: self.builder.value(item, named.get(name, ABSENT))
                for name, item in node["kwdefaults"]
            }

    def _fill_partial(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        parts = [
            self.builder.value(node[part], getattr(target, part))
            for part in ("func", "args", "keywords")
        ]
        # Keeps the very dictionary of keywords, which others may know.
        target.__setstate__((*parts, vars(target)))
        self._fill_attributes(node, target)

    def _fill_holder(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        set_held_value(target, self.builder.value(node["state"], ABSENT))
        for name, content in node.get("d", ()):
            vars(target)[name] = self.builder.value(content, vars(target).get(name, ABSENT))

    def _fill_generator(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        set_generator_state(target, self.builder.value(node["state"], ABSENT))
        spawn_as(target, node.get("seeds"))
        self._fill_attributes(node, target)

    def _fill_tensor(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if "grad_fn" not in node:
            if paired and target.requires_grad != node["requires_grad"]:
                target.requires_grad_(node["requires_grad"])
            grad = self.builder.value(node.get("grad"), ABSENT)
            if target.grad is not grad:
                target.grad = grad
        for name, content in node.get("d", ()):
            vars(target)[name] = self.builder.value(content, vars(target).get(name, ABSENT))

    def _fill_array(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if paired and "owner" not in node and target.flags["WRITEABLE"]:
            copying.fill_array(target, self.builder.read(node["t"]))
        for name, content in node.get("d", ()):
            vars(target)[name] = self.builder.value(content, vars(target).get(name, ABSENT))

    def _fill_records(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        if paired:
            copying.fill_array(target, self.builder.read(node["t"]))

    def _fill_objects(self, node: dict[str, Any], target: Any, paired: bool) -> None:
        old = list(target.flat)
        for n, content in enumerate(node["v"]):
            target.flat[n] = self.builder.value(content, item_at(old, n))


def _turn(node: dict[str, Any]) -> int:
    """When a node is filled.

    Objects that are keys are hashed by what they hold, so that has to be there. A generator takes
    its whole state at once.
    """
    kind = node["k"]
    if kind in ("generator", "holder"):
        return 2
    if kind == "set":
        return int(any(isinstance(item, list) for item in node["v"]))
    return int(kind == "dict" and any(isinstance(key, list) for key, _ in node["v"]))


def _drop_others(attributes: dict[str, Any], recorded: set[str]) -> None:
    """Remove attributes that the recorded object did not have.

    A torch module's empty hook tables are not recorded: they are emptied, and stay.
    """
    for name in [name for name in attributes if name not in recorded]:
        value = attributes[name]
        if "_hooks" in name and isinstance(value, dict):
            value.clear()
        else:
            del attributes[name]


_WITHOUT_ATTRIBUTES = frozenset(PLAIN_CLASS.values())
_FILL = {
    "list": Filler._fill_list,
    "deque": Filler._fill_deque,
    "set": Filler._fill_set,
    "bytearray": Filler._fill_bytearray,
    "dict": Filler._fill_dict,
    "object": Filler._fill_object,
    "class": Filler._fill_class,
    "function": Filler._fill_function,
    "module": Filler._fill_module,
    "partial": Filler._fill_partial,
    "generator": Filler._fill_generator,
    "holder": Filler._fill_holder,
    "tensor": Filler._fill_tensor,
    **dict.fromkeys(sparse.KINDS, Filler._fill_tensor),
    "array": Filler._fill_array,
    "records": Filler._fill_records,
    "objects": Filler._fill_objects,
}
