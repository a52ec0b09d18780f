"""The user's source files in this process: parsed, their loops found, rewritten when loaded."""

from __future__ import annotations

import ast
import hashlib
import re
import types
from collections.abc import Collection, Mapping
from typing import Any

from florlib.runtime.guard import guarded, open_file, os
from florlib.runtime.project import Project
from florlib.source.clock import WallClock, wall_clock
from florlib.source.elsewhere import elsewhere
from florlib.source.entropy import entropy
from florlib.source.imports import (
    dotted_name,
    import_aliases,
    project_imports,
)
from florlib.source.libraries import library_attributes, put_attributes
from florlib.source.liveness import live_names
from florlib.source.loops import LoopSite, find_loops
from florlib.source.rewrite import rewrite
from florlib.source.spans import LineSpan

# What a source has to mention before it is worth asking what depends on the time of day.
_CLOCKS = re.compile(
    r"time|clock|now\(|today|perf_counter|getpid|uuid|urandom|memory|tqdm|elapsed|profile"
)


# What it has to mention before it is worth asking what runs in other processes.
_PROCESSES = re.compile(r"multiprocessing|ProcessPool")


_TENSOR_FILES = re.compile(r"\b(load_file|safe_open|load_model|from_pretrained|load_state)\b")


class Sources:
    """What is known of the project's files.

    Args:
        project: where they lie.
        hindsight: by path, the spans of statements added after the recorded run.
        transparent: by path, the spans whose statement only gained a `flor.log(…)` around a value.
        passing: by path, the names that those log.
        recorded: by path, the loops that the recorded run wrapped; None while recording.
        added: by path, further loops that this replay wraps.
        known: the files that the recorded run knew. Others are imported by probes alone: they are
            loaded as they are, and none of their loops counts. None while recording.
    """

    def __init__(
        self,
        project: Project,
        hindsight: Mapping[str, frozenset[LineSpan]] | None = None,
        recorded: Mapping[str, Collection[int]] | None = None,
        added: Mapping[str, Collection[int]] | None = None,
        transparent: Mapping[str, frozenset[LineSpan]] | None = None,
        passing: Mapping[str, frozenset[str]] | None = None,
        known: Collection[str] | None = None,
    ) -> None:
        self.project = project
        self.hindsight = dict(hindsight or {})
        self.transparent = dict(transparent or {})
        self.passing = dict(passing or {})
        self.recorded = recorded
        self.known = known
        self.added = dict(added or {})
        self.given: Mapping[str, str] = {}  # by path, texts that stand for those of the files
        self.texts: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.trees: dict[str, ast.Module] = {}
        self.explicit = False
        self.rewrites = True  # False where the script was compiled before flor came
        self.chosen: tuple[str, int] | None = None
        self._loops: dict[str, dict[int, LoopSite]] = {}
        self._clock: dict[str, WallClock] | None = None
        self._live: dict[tuple[str, int, bool], frozenset[str] | None] = {}

    def choose(self, place: str | None) -> None:
        """Take the user's word for which loop is the main one: "FILE:LINE"."""
        if place is not None:
            path, _, line = place.rpartition(":")
            self.chosen = (path.removeprefix("./"), int(line))

    # ------------------------------------------------------------------ reading

    def read(self, path: str) -> None:
        """Parse a file and, with it, every project file it imports that exists."""
        waiting = [path]
        fresh = False
        while waiting:
            current = waiting.pop()
            if current in self.trees or self._is_new(current) or not self._parse(current):
                continue
            fresh = True
            waiting.extend(project_imports(self.trees[current], current, self._exists))
        if fresh:
            self._find_loops()

    def _is_new(self, path: str) -> bool:
        return self.known is not None and path not in self.known

    def _exists(self, path: str) -> bool:
        whole = os.path.join(self.project.root, path)
        return bool(os.path.isfile(whole)) and self.project.relative(whole) is not None

    def _parse(self, path: str) -> bool:
        try:
            text, data = self._content(path)
            self.trees[path] = ast.parse(text, path)
        except (OSError, SyntaxError, ValueError):
            return False  # Python itself will say so, if the file is ever loaded
        self.project.library_attributes |= library_attributes(self.trees[path])
        self.project.put |= put_attributes(self.trees[path])
        self.texts[path] = text
        self.digests[path] = hashlib.sha256(data).hexdigest()
        return True

    def _content(self, path: str) -> tuple[str, bytes]:
        """The text of a file, and the bytes that it is known by."""
        given = self.given.get(path)
        if given is not None:
            return given, given.encode()
        from importlib.util import decode_source

        with open_file(os.path.join(self.project.root, path), "rb") as file:
            data = file.read()
        return decode_source(data), data

    def _find_loops(self) -> None:
        found = find_loops(self.trees, self.hindsight)
        self._loops = {
            path: {site.ordinal: site for site in sites} for path, sites in found.items()
        }
        self.explicit = any(site.explicit for sites in found.values() for site in sites)
        self._clock = None
        self._live = {}

    # ------------------------------------------------------------------ questions

    def read_tensors(self) -> bool:
        """Whether the project says that it reads files of safetensors, or of what uses them."""
        return any(map(_TENSOR_FILES.search, self.texts.values()))

    def site(self, path: str, ordinal: int) -> LoopSite | None:
        """The loop of this number in a file."""
        return self._loops.get(path, {}).get(ordinal)

    def site_at(self, path: str, line: int) -> LoopSite | None:
        """The explicit loop whose header stands at a line; the innermost where several do."""
        found = [
            site
            for site in self._loops.get(path, {}).values()
            if site.explicit and site.line <= line <= self._header_end(path, site)
        ]
        return max(found, key=lambda site: site.line) if found else None

    def outermost_loop(self, path: str, line: int) -> LoopSite | None:
        """The first loop, of those in the same function, that a line stands in."""
        found = [
            site
            for site in self._loops.get(path, {}).values()
            if site.line <= line <= site.end_line
        ]
        innermost = max(found, key=lambda site: site.line, default=None)
        while innermost is not None and innermost.parent is not None:
            innermost = self.site(path, innermost.parent)
        return innermost

    def _header_end(self, path: str, site: LoopSite) -> int:
        for node in ast.walk(self.trees[path]):
            if isinstance(node, ast.For) and node.lineno == site.line:
                return node.body[0].lineno if node.body else site.line
        return site.line

    def wrapped(self, path: str) -> dict[int, LoopSite]:
        """The loops of a file that take part in positions."""
        sites = self._loops.get(path, {})
        if self.recorded is not None:
            chosen = {*self.recorded.get(path, ()), *self.added.get(path, ())}
            return {n: site for n, site in sites.items() if n in chosen}
        if not self.rewrites:
            return {n: site for n, site in sites.items() if site.explicit}
        return {
            n: site
            for n, site in sites.items()
            if site.training or site.logs or (path, site.line) == self.chosen
        }

    def is_added(self, path: str, ordinal: int) -> bool:
        """Whether only this replay wraps the loop."""
        return self.recorded is not None and ordinal not in self.recorded.get(path, ())

    def is_volatile(self, path: str, line: int) -> bool:
        """Whether what the statement at a line logs depends on the wall clock."""
        clock = self.clock().get(path)
        return clock is not None and any(first <= line <= last for first, last in clock.sites)

    def is_hindsight(self, path: str, line: int, name: str) -> bool:
        """Whether what is logged at a line under a name was added after the recorded run."""
        spans = [*self.hindsight.get(path, ())]
        if name in self.passing.get(path, ()):
            spans += self.transparent.get(path, ())
        return self._is_new(path) or any(first <= line <= last for first, last in spans)

    def recorded_names(self, name: str) -> int:
        """How many loops of a name the recorded run could have had beside one another."""
        recorded = self.recorded or {}
        return sum(
            site.name == name
            for path, sites in self._loops.items()
            for ordinal, site in sites.items()
            if ordinal in recorded.get(path, ())
        )

    def clock(self) -> dict[str, WallClock]:
        """By path, what depends on the wall clock."""
        if self._clock is None:
            asked = any(_CLOCKS.search(text) for text in self.texts.values())
            self._clock = dict(wall_clock(self.trees)) if asked else {}
        return self._clock

    def entropy(self) -> list[tuple[str, int, str]]:
        """(path, line, call) of what training draws from no generator that a seed governs."""
        sites = {path: tuple(sites.values()) for path, sites in self._loops.items()}
        return list(entropy(self.trees, sites))

    def packages(self) -> frozenset[str]:
        """The packages that the project's files import, by their first names."""
        return frozenset(
            name.partition(".")[0]
            for tree in self.trees.values()
            for name in import_aliases(tree).values()
        )

    def pipe_lines(self) -> list[tuple[str, int]]:
        """(path, line) where the project makes a pipe of the system."""
        return [
            (path, node.lineno)
            for path, tree in self.trees.items()
            if "pipe" in self.texts[path]
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and dotted_name(node.func, import_aliases(tree)) in ("os.pipe", "os.pipe2")
        ]

    def trained_elsewhere(self) -> list[tuple[str, int, str]]:
        """(path, line, function) where a function that trains is handed to another process."""
        if not any(_PROCESSES.search(text) for text in self.texts.values()):
            return []
        return elsewhere(self.trees).training

    def live_names(self, path: str, ordinal: int, *, after: bool) -> frozenset[str] | None:
        """The names that may be read from a loop's head on, or behind it; None is all."""
        key = (path, ordinal, after)
        if key not in self._live:
            hindsight = self.hindsight.get(path, frozenset())
            tree = self.trees.get(path)
            self._live[key] = (
                None if tree is None else live_names(tree, ordinal, hindsight, after=after)
            )
        return self._live[key]

    def where_stored(self, name: str) -> tuple[str | None, int | None]:
        """(path, line) of the first statement that stores a name, to point people at."""
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id == name:
                    if isinstance(node.ctx, ast.Store):
                        return path, node.lineno
        return None, None

    # ------------------------------------------------------------------ loading

    def rewritten(self, path: str, prologue: str | None = None) -> ast.Module | None:
        """The tree to compile instead of the file's own; None where they are the same.

        Args:
            path: of the file.
            prologue: an expression to evaluate before the file's first own statement.
        """
        tree = self.trees.get(path)
        if tree is None:
            return None
        wrap = [n for n, site in self.wrapped(path).items() if not site.explicit]
        spans = self.hindsight.get(path, frozenset())
        if not wrap and not spans and prologue is None:
            return None
        changed = rewrite(tree, path=path, wrap=wrap, hindsight=spans)
        if prologue is not None:
            return with_prologue(changed, prologue)
        return changed

    def code(self, path: str, filename: str, prologue: str | None = None) -> types.CodeType | None:
        """The code to run instead of the file's own; None where they are the same."""
        with guarded(f"prepare {path}"):
            tree = self.rewritten(path, prologue)
            if tree is not None:
                code: types.CodeType = compile(tree, filename, "exec", dont_inherit=True)
                return code
        return None


def with_prologue(tree: ast.Module, prologue: str) -> ast.Module:
    """The tree, with an expression before its first statement that is no docstring or future."""
    at = 0
    body: list[Any] = tree.body
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        at = 1 if isinstance(first.value.value, str) else 0
    while (
        at < len(body) and isinstance(body[at], ast.ImportFrom) and body[at].module == "__future__"
    ):
        at += 1
    statement = ast.parse(prologue).body[0]
    line = body[at].lineno if at < len(body) else 1
    for node in ast.walk(statement):
        if isinstance(node, ast.expr | ast.stmt):
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
    body.insert(at, statement)
    return tree
