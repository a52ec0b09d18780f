"""From a choice of parts to the text of a script, with markers where probes go (cases.py).

A script is put together flat, at module level, with comment lines around the blocks that can become
functions. Then blocks are taken out into functions, methods or closures, by the names they use.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from tests.fuzz.parts import Part
from tests.fuzz.spec import ROLES, Spec

HEAD = """\
import itertools
import random

import numpy as np
import torch
"""
SEEDS = """\
random.seed({seed})
np.random.seed({seed})
torch.manual_seed({seed})
"""
DATA = "inputs, targets = torch.randn(24, 6), torch.randn(24, 2)"
MARK = re.compile(r" *# (BEGIN|END) (\w+)$")
PROBE = re.compile(r"(?P<indent> *)# (?:PROBE|APART|WRAP) \w+: (?P<statement>.+)")


def render(spec: Spec) -> dict[str, str]:
    """The files of the project, `train.py` the script among them."""
    parts = [ROLES[role][name] for role, name in spec.parts()]
    flat = _Flat(spec, parts)
    text = flat.text()
    files = {
        slot.removeprefix("file_") + ".py": content + "\n"
        for part in parts
        for slot, content in part.slots.items()
        if slot.startswith("file_")
    }
    return {"train.py": text, **files}


class _Flat:
    """The script before and while it gets its shape."""

    def __init__(self, spec: Spec, parts: list[Part]) -> None:
        self.spec = spec
        self.parts = parts
        self.words: dict[str, str] = {}
        for part in parts:
            self.words |= part.words
        target = self.words["target"]
        self.words["grouped"] = f"({target})" if "," in target else target

    def slot(self, name: str) -> str:
        """The texts of all parts for a slot, one below the other."""
        texts = [part.slots[name] for part in self.parts if part.slots.get(name)]
        return self._worded("\n".join(texts))

    def _worded(self, text: str) -> str:
        for _ in range(2):
            for name, word in self.words.items():
                text = text.replace("{" + name + "}", word)
        return text

    def text(self) -> str:
        """The whole script."""
        spec = self.spec
        imports = "\n".join(dict.fromkeys((HEAD + self.slot("imports")).splitlines()))
        definitions = "\n".join(text for text in (self.slot("defs"), self.slot("classes")) if text)
        setup = "\n".join([SEEDS.format(seed=spec.seed), DATA, self.slot("setup")])
        if "continue" in self.slot("augment"):
            setup += "\nloss = torch.zeros(())"
        loops = self._loops()
        setup += '\n# PROBE prelude: flor.log("start", [sum(p.norm().item() for p in net.parameters()), inputs[0, 0].item()])'
        if "prelude_more" in spec.probes:
            setup += (
                '\n# PROBE prelude: print("names", [name for name, _ in net.named_parameters()])'
            )
        shaped = _Shape(spec, setup, loops, self._after())
        body = shaped.text()
        return (
            "\n".join(line for line in (imports, "", definitions, "", body) if line is not None)
            + "\n"
        )

    def _loops(self) -> str:
        outer = self.slot("outer")
        if spec_mains(self.words) == 1:
            outer = self._with_turns(outer)
        return _filled(outer, "epoch", self._epoch())

    def _with_turns(self, outer: str) -> str:
        """Let the truth say where the iterations of the main loop begin and where it ends."""
        lines = outer.splitlines()
        head = next(n for n, line in enumerate(lines) if line.startswith(("for ", "while ")))
        lines.insert(head + 1, '    # PROBE turn: flor.turn("begin")')
        return "\n".join([*lines, '# PROBE turn: flor.turn("end")'])

    def _epoch(self) -> str:
        spec = self.spec
        single = spec.inner == "none"
        inner = _filled(self.slot("inner"), "body", self._body(single))
        report = self._report()
        pieces = [
            self.slot("epoch_start"),
            _probes(spec, "before"),
            _marked("inner", inner),
            _probes(spec, "outer") if "late" not in spec.probes else "",
            _marked("evaluation", self.slot("evaluation")),
            _marked("closing", self.slot("epoch_end")),
            _probes(spec, "outer") if "late" in spec.probes else "",
            report,
        ]
        return "\n".join(piece for piece in pieces if piece)

    def _body(self, single: bool) -> str:
        pieces = [
            self.slot("fetch"),
            self.slot("augment"),
            _marked("step", self.slot("step")),
            self.slot("after_step"),
            "" if single else _probes(self.spec, "inner"),
        ]
        if self.spec.chatty:
            pieces.append('print("step", epoch, loss.item())')
        return "\n".join(piece for piece in pieces if piece)

    def _report(self) -> str:
        texts = [part.slots.get(name) for part in self.parts for name in ("report", "epoch_report")]
        reports = [self._worded(text) for text in texts if text]
        line = f"print({', '.join(['epoch', 'loss.item()', *reports])})"
        if self.spec.wrapped:
            shown = ["epoch", 'flor.log("wrapped", loss.item())', *reports]
            return f"# WRAP wrapped: print({', '.join(shown)})\n{line}"
        return line

    def _after(self) -> str:
        digest = 'print("end", [p.double().sum().item() for p in net.parameters()], random.random(), torch.rand(()).item(), np.random.rand())'
        return "\n".join(
            text for text in (self.slot("after"), _probes(self.spec, "epilogue"), digest) if text
        )


def spec_mains(words: dict[str, str]) -> int:
    """How many main loops there are."""
    return int(words.get("mains", "1"))


def _probes(spec: Spec, place: str) -> str:
    from tests.fuzz.asking import PROBES

    texts = [
        PROBES[place][name].strip("\n") for name in spec.probes if name in PROBES.get(place, {})
    ]
    # A recorded statement behind: neighbouring probes share a guard, and would see what these do.
    return "\n".join(f"{text}\nepoch" if "# APART" in text else text for text in texts)


def _marked(name: str, text: str) -> str:
    return f"# BEGIN {name}\n{text}\n# END {name}" if text else ""


def _filled(template: str, hole: str, text: str) -> str:
    """The template with a text in place of the line `<hole>`, at its indentation."""
    lines = []
    for line in template.splitlines():
        if line.strip() == f"<{hole}>":
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(textwrap.indent(text, indent))
        else:
            lines.append(line)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Names:
    stored: frozenset[str]
    loaded: frozenset[str]


def _names(text: str) -> _Names:
    """Names that a block stores and loads in its own scope; those of inner scopes count as loaded."""
    stored: set[str] = set()
    loaded: set[str] = set()
    for node, inside in _walk(ast.parse(textwrap.dedent(text)), False):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                loaded.add(node.id)
            elif not inside:
                stored.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not inside:
            stored.add(node.name)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            loaded.add(node.target.id)
    return _Names(frozenset(stored), frozenset(loaded))


_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _walk(node: ast.AST, inside: bool) -> Iterator[tuple[ast.AST, bool]]:
    yield node, inside
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, inside or isinstance(node, _SCOPES))


def _with_probes(text: str) -> str:
    """The text with probes in, to see which names they need."""
    lines = []
    for line in text.splitlines():
        found = PROBE.fullmatch(line)
        lines.append(found["indent"] + found["statement"] if found else line)
    return "\n".join(lines)


def _leaves(text: str) -> bool:
    """Whether a block has a break, continue or return that leads out of it."""
    try:
        compile(textwrap.dedent(text), "block", "exec")
    except SyntaxError:
        return True
    return False


class _Shape:
    """Gives a flat script functions, closures or a class."""

    def __init__(self, spec: Spec, setup: str, loops: str, after: str) -> None:
        self.spec = spec
        self.setup, self.loops, self.after = setup, loops, after
        self.functions: list[str] = []
        self.bound = _names(setup).stored

    def text(self) -> str:
        """The script below its definitions."""
        return {
            "module": self._module,
            "main": self._main,
            "returning": self._main,
            "class": self._class,
            "generator": self._generator,
        }[self.spec.shape]()

    def _module(self) -> str:
        loops = self._extracted(self.loops, "module")
        body = "\n".join([self.setup, loops, self.after])
        return "\n\n".join([*self.functions, body])

    def _main(self) -> str:
        loops = self._extracted(self.loops, "main")
        after = self.after
        if self.spec.shape == "returning":
            loops, after = loops + "\n" + after, "return loss"
        within = any("nonlocal " in function for function in self.functions)
        outside, inside = ([], self.functions) if within else (self.functions, [])
        body = "\n".join([self.setup, *inside, loops, after])
        start = 'if __name__ == "__main__":\n    main()'
        return "\n\n".join([*outside, "def main():\n" + textwrap.indent(body, "    "), start])

    def _generator(self) -> str:
        """A script whose loop stands in a function that is called with everything it needs."""
        names = _names(_with_probes("\n".join([self.loops, self.after])))
        loops = self._extracted(self.loops, "main")
        passed = sorted(names.loaded & self.bound)
        body = "\n".join([loops, self.after])
        function = f"def fit({', '.join(passed)}):\n" + textwrap.indent(body, "    ")
        return "\n\n".join([*self.functions, function, self.setup, f"fit({', '.join(passed)})"])

    def _class(self) -> str:
        """A Trainer whose attributes are the names of the setup, and whose methods the blocks."""
        inner = [one.name for one in ast.walk(ast.parse(self.setup)) if _is_function(one)]
        if inner:  # functions of the setup see its names as cells, which attributes are not
            return self._main()
        taken = self.bound
        setup, loops, after = (
            "\n".join(_as_attributes(line, taken) for line in text.splitlines())
            for text in (self.setup, self.loops, self.after)
        )
        self.bound = frozenset()
        loops = self._extracted(loops, "class")
        methods = [
            "def __init__(self):\n" + textwrap.indent(setup, "    "),
            *self.functions,
            "def fit(self):\n" + textwrap.indent("\n".join([loops, after]), "    "),
        ]
        body = textwrap.indent("\n\n".join(methods), "    ")
        return f"class Trainer:\n{body}\n\n\nTrainer().fit()"

    def _extracted(self, text: str, scope: str) -> str:
        """The loops with the chosen blocks taken out, the innermost first."""
        for name in ("step", "inner", "evaluation", "closing"):
            if name in self.spec.functions:
                text = self._extract(text, name, scope)
        return "\n".join(line for line in text.splitlines() if not MARK.fullmatch(line))

    def _extract(self, text: str, name: str, scope: str) -> str:
        lines = text.splitlines()
        begins = [n for n, line in enumerate(lines) if line.strip() == f"# BEGIN {name}"]
        if len(begins) != 1:
            return text
        first = begins[0]
        last = next(n for n in range(first, len(lines)) if lines[n].strip() == f"# END {name}")
        block = "\n".join(line for line in lines[first + 1 : last] if not MARK.fullmatch(line))
        if not block.strip() or _leaves(_with_probes(block)):
            return text
        outside = "\n".join([*lines[:first], f"{_indent(lines[first])}pass", *lines[last + 1 :]])
        function, call = self._function(name, textwrap.dedent(block), outside, scope)
        self.functions.append(function)
        call = textwrap.indent(call, _indent(lines[first]))
        return "\n".join([*lines[:first], call, *lines[last + 1 :]])

    def _function(self, name: str, block: str, outside: str, scope: str) -> tuple[str, str]:
        around = "\n".join([outside, textwrap.dedent(self.after)])
        own, probed = _names(block), _names(_with_probes(block))
        rest, rest_probed = _names(around), _names(_with_probes(around))
        stored_before = self.bound | rest.stored
        carried = own.stored & (rest_probed.loaded | rest.loaded | self.bound)
        returned = carried & (rest_probed.loaded | (own.loaded & stored_before))
        # What the block makes itself and nothing has made before the loops is not handed in.
        fresh = own.stored - self.bound
        given = ((probed.loaded - fresh) & stored_before) | (returned & self.bound)
        given -= {"self"}
        style = self.spec.passing
        called = f"run_{name}"
        word = {"module": "global", "main": "nonlocal"}.get(scope)
        shared = sorted(own.stored & self.bound)
        if (
            word
            and style == "outer"
            and self.spec.shape != "generator"
            and (shared or scope == "module")
        ):
            head = f"{word} {', '.join(shared)}\n" if shared else ""
            local, kept = sorted(given - self.bound), sorted(returned - self.bound)
            return self._returning(called, local, kept, head + block, "")
        owner = "self." if scope == "class" else ""
        arguments = sorted(given)
        return self._returning(called, arguments, sorted(returned), block, owner)

    def _returning(
        self, called: str, given: list[str], returned: list[str], block: str, owner: str
    ) -> tuple[str, str]:
        body = block + (f"\nreturn {', '.join(returned)}" if returned else "")
        parameters = (["self"] if owner else []) + given
        call = f"{owner}{called}({', '.join(given)})"
        if returned:
            call = f"{', '.join(returned)} = {call}"
        return _definition(called, parameters, body), call


def _as_attributes(line: str, names: Iterable[str]) -> str:
    """A line with the names as attributes of self; strings, attributes and keywords stay."""
    longest_first = "|".join(sorted(names, key=len, reverse=True))
    string = r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    pattern = re.compile(string + r"|(?<![\w.])(" + longest_first + r")(?!\w)(?!=[^=])")
    return pattern.sub(lambda found: found[1] or f"self.{found[2]}", line)


def _is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _definition(name: str, parameters: list[str], body: str) -> str:
    return f"def {name}({', '.join(parameters)}):\n" + textwrap.indent(body, "    ")
