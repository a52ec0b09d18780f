"""Whether a method that was added to a recorded class may stand in for one that was called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from florlib.source.imports import dotted_name, import_aliases

# Bases that have no attributes but dunders.
_PLAIN_BASES = frozenset(
    {"object", "abc.ABC", "ABC", "typing.Protocol", "typing.Generic", "Protocol", "Generic"}
)
# The one library class that scripts derive from daily; what it calls of itself is known.
_MODULE_BASES = frozenset({"torch.nn.Module", "nn.Module"})
_OF_MODULES = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu
    zero_grad""".split()
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the recorded files say of attributes and classes.

    Attributes:
        names: that are read, stored or defined anywhere, or spelled out as a text.
        classes: (class, imports of its file) by the class's name.
    """

    names: frozenset[str]
    classes: Mapping[str, tuple[tuple[ast.ClassDef, Mapping[str, str]], ...]]

    def may_replace(self, owner: ast.ClassDef, aliases: Mapping[str, str], name: str) -> bool:
        """Whether a method of this name, added to a class, may be called by recorded code."""
        if name.startswith("__") or name in self.names:
            return True
        return any(self._may_have(base, aliases, name, 0) for base in owner.bases)

    def _may_have(self, base: ast.expr, aliases: Mapping[str, str], name: str, depth: int) -> bool:
        """Whether a base may have the attribute where the project's files do not show it."""
        while isinstance(base, ast.Subscript):  # Generic[T]
            base = base.value
        dotted = dotted_name(base, aliases) or ""
        if dotted in _PLAIN_BASES:
            return False
        if dotted in _MODULE_BASES:
            return name in _OF_MODULES or name.startswith("_")
        kinds = self.classes.get(dotted.rpartition(".")[2], ())
        if not kinds or depth > len(self.classes):
            return True
        return any(
            self._may_have(parent, imports, name, depth + 1)
            for kind, imports in kinds
            for parent in kind.bases
        )


def attributes_of(trees: Iterable[ast.Module]) -> Attributes:
    """Go through recorded files."""
    names: set[str] = set()
    classes: dict[str, tuple[tuple[ast.ClassDef, Mapping[str, str]], ...]] = {}
    for tree in trees:
        aliases = import_aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)  # getattr(self, "norm")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(node.name)
            elif isinstance(node, ast.ClassDef):
                classes[node.name] = (*classes.get(node.name, ()), (node, aliases))
    return Attributes(frozenset(names), classes)
