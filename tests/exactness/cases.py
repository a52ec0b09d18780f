"""The cases of the matrix: a script as it is recorded, its probes, and what a replay may run.

A script under scripts/ marks where a probe goes by a comment line, `# PROBE KIND: STATEMENT`;
to probe is to put the statement in place of the comment. Where it is `# WRAP`, the statement takes
the place of the next line as well, which it repeats with an expression wrapped in a log. The lines of
`# APART` draw, switch modes or train: a replay puts back what they did, and the plain run, which
must not notice them either, executes them in a process of their own (standin/flor.py).

`# EXPECT KIND: 21`, or `min=18 max=21`,
says how many turns of training loops a replay for that probe executes. A script that is seeded
nowhere says `# UNSEEDED`. A folder under scripts/ is a case of several files, started by main.py.

What cannot be captured is named, and answered rightly or refused. A line that ends in
`# NAMED: TEXT` has to be named in `flor log show`, with its file and number, and in the report of
every replay. `# REFUSED KIND: TEXT` stands in the place of an expectation: the replay does not end
with status 0, its report says TEXT, and no value that differs from the truth is called verified.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPTS = Path(__file__).with_name("scripts")
MARKER = re.compile(
    r"(?P<indent> *)# (?P<manner>PROBE|WRAP|APART) (?P<kind>\w+): (?P<statement>.+)"
)
ASKING = re.compile(r"""\b(?P<call>flor\.log|print)\(["'](?P<name>[^"']+)["']""")
NAMED = re.compile(r"# NAMED: (?P<text>.+)$")
REFUSAL = re.compile(r"^# REFUSED (?P<kind>\w+): (?P<text>.+)$", re.MULTILINE)
COMMAND = re.compile(r"^# COMMAND (?P<words>.+)$", re.MULTILINE)
EXPECTATION = re.compile(r"^# EXPECT (?P<kind>\w+): (?P<bounds>.+)$", re.MULTILINE)
BOUND = re.compile(r"(?P<side>min|max)=(?P<count>\d+)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many loop turns a replay may execute; None where no limit is set.

    >>> Bounds.parse("21"), Bounds.parse("min=18 max=21")
    (Bounds(least=21, most=21), Bounds(least=18, most=21))
    >>> 20 in Bounds.parse("max=21"), 22 in Bounds.parse("max=21")
    (True, False)
    """

    least: int | None
    most: int | None

    @classmethod
    def parse(cls, text: str) -> Bounds:
        """Read what stands after `# EXPECT KIND: `."""
        if text.strip().isdecimal():
            return cls(int(text), int(text))
        sides = {found["side"]: int(found["count"]) for found in BOUND.finditer(text)}
        if not sides:
            raise ValueError(f"neither a number nor min= nor max=: {text!r}")
        return cls(sides.get("min"), sides.get("max"))

    def __contains__(self, count: int) -> bool:
        """Whether the count is within both limits."""
        above = self.least is None or count >= self.least
        return above and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        """As a person writes it: 21, 18-21, or up to 21."""
        if self.least == self.most:
            return str(self.most)
        if self.most is None:
            return f"{self.least} or more"
        return f"up to {self.most}" if self.least is None else f"{self.least}-{self.most}"


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement that is added to a recorded source.

    Attributes:
        kind: where it stands: outer, inner, function, prelude, epilogue, …
        path: the file, relative to the project.
        line: index of the line (from 0) that it replaces, or stands before.
        replaces: how many lines it takes the place of: 1 for a marker, 2 with the line below.
        text: the statement, or a line of one, at its indentation.
        apart: whether it changes what the script goes on with, which nothing must notice.
    """

    kind: str
    path: str
    line: int
    replaces: int
    text: str
    apart: bool = False

    @property
    def name(self) -> str:
        """The first argument of the call that prints or logs; what rows are found by.

        Empty where it does neither, but serves one that does.

        >>> Probe("outer", "a.py", 0, 1, 'print(flor.log("loss", 1))').name
        'loss'
        >>> Probe("outer", "a.py", 0, 1, "import math").name
        ''
        """
        found = self._call()
        return found["name"] if found else ""

    @property
    def prints(self) -> bool:
        """Whether its values are lines of standard output and not logged by name."""
        found = self._call()
        return found is not None and found["call"] == "print"

    def _call(self) -> re.Match[str] | None:
        """The call that asks; what a wrapped statement prints was there before."""
        calls = ASKING.finditer(self.text)
        return next((one for one in calls if self.replaces < 2 or one["call"] != "print"), None)


@dataclass(frozen=True, slots=True)
class Named:
    """What flor has to name: a text, with the file and the line (from 1) it has to be found at."""

    text: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A small project: its files as recorded, and the probes that can be added afterwards.

    Attributes:
        files: text of each file, by its path in the project.
        script: the one that is run, with `arguments`.
        probes: all that can be added, of every kind.
        bounds: by kind, how many loop turns a replay may execute.
        assets: other files of the project: where to copy each from, by its path in the project.
        seeded: whether a second run does the same again.
        named: what the record and every replay have to name.
        refusals: by kind, what a replay that is refused or marked has to say.
        command: what is recorded, where it is more than Python and the script.
    """

    name: str
    files: Mapping[str, str]
    script: str
    probes: tuple[Probe, ...]
    bounds: Mapping[str, Bounds]
    arguments: tuple[str, ...] = ()
    assets: Mapping[str, Path] = field(default_factory=dict)
    seeded: bool = True
    named: tuple[Named, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def kinds(self) -> list[str]:
        """The kinds of its probes, in the order of the files."""
        return list(dict.fromkeys(probe.kind for probe in self.probes))

    def probes_of(self, kinds: Iterable[str]) -> list[Probe]:
        """The probes of these kinds."""
        wanted = set(kinds)
        return [probe for probe in self.probes if probe.kind in wanted]

    def asking(self, kinds: Iterable[str]) -> list[Probe]:
        """The probes of these kinds that log or print by themselves."""
        return [probe for probe in self.probes_of(kinds) if probe.name]

    def probed(self, kinds: Iterable[str], *, plainly: bool = False) -> dict[str, str]:
        """All files, with the statements of these kinds in their places.

        Args:
            kinds: which probes.
            plainly: for a run without flor, which puts nothing back: see `with_probes`.
        """
        files = dict(self.files)
        chosen = self.probes_of(kinds)
        for path in {probe.path for probe in chosen}:
            own = [probe for probe in chosen if probe.path == path]
            files[path] = with_probes(files[path], own, plainly=plainly)
        return files


def with_probes(source: str, probes: Iterable[Probe], *, plainly: bool = False) -> str:
    """The source with the probes in place, and `import flor` where one of them logs.

    Args:
        source: as it was recorded.
        probes: of this source.
        plainly: let the stand-in's `flor.apart()` keep away what neighbouring probes would change.

    >>> with_probes("a = 1\\n# PROBE outer: print(a)\\n", [Probe("outer", "", 1, 1, "print(a)")])
    'a = 1\\nprint(a)\\n'
    """
    lines = source.splitlines()
    ordered = sorted(probes, key=lambda probe: probe.line, reverse=True)
    apart = {(probe.line, probe.kind) for probe in ordered if probe.apart and plainly}
    for probe in ordered:
        text = [probe.text]
        if (probe.line, probe.kind) in apart:
            text = ["    " + probe.text]
            if (probe.line - 1, probe.kind) not in apart:
                indent = probe.text[: len(probe.text) - len(probe.text.lstrip())]
                text.insert(0, indent + "for _ in flor.apart():")
        lines[probe.line : probe.line + probe.replaces] = text
    if any("flor." in probe.text for probe in ordered) and "import flor" not in lines:
        lines.insert(_first_import(source), "import flor")
    return "\n".join(lines) + "\n"


def _first_import(source: str) -> int:
    """Index of the line where another import can stand: after docstring and future imports."""
    for node in ast.parse(source).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not docstring and not future:
            return node.lineno - 1
    return len(source.splitlines())


def marked_probes(path: str, source: str) -> list[Probe]:
    """The probes that marker comments of a file ask for."""
    found = []
    for line, text in enumerate(source.splitlines()):
        marker = MARKER.fullmatch(text)
        if marker is not None:
            statement = marker["indent"] + marker["statement"]
            replaces, apart = 1 + (marker["manner"] == "WRAP"), marker["manner"] == "APART"
            found.append(Probe(marker["kind"], path, line, replaces, statement, apart))
    return found


def named_lines(path: str, source: str) -> list[Named]:
    """What the lines of a file say that flor has to name.

    >>> named_lines("a.py", "it = iter(x)  # NAMED: it\\n")
    [Named(text='it', path='a.py', line=1)]
    """
    found = []
    for number, line in enumerate(source.splitlines(), start=1):
        marker = NAMED.search(line)
        if marker is not None:
            found.append(Named(marker["text"], path, number))
    return found


def probe_after(kind: str, path: str, source: str, anchor: str, statement: str) -> Probe:
    """A probe below the one line that reads `anchor`, at the same indentation.

    Raises:
        ValueError: the line is not there, or there more than once.
    """
    places = [i for i, text in enumerate(source.splitlines()) if text.strip() == anchor]
    if len(places) != 1:
        raise ValueError(f"{path} has {len(places)} lines {anchor!r}")
    line = source.splitlines()[places[0]]
    indent = line[: len(line) - len(line.lstrip())]
    return Probe(kind, path, places[0] + 1, replaces=0, text=indent + statement)


def load_case(entry: Path) -> Case:
    """The case of a script, or of a folder with a main.py.

    Raises:
        ValueError: probes and expectations do not name the same kinds.
    """
    script = "main.py" if entry.is_dir() else entry.name
    sources = sorted(entry.rglob("*.py")) if entry.is_dir() else [entry]
    root = entry if entry.is_dir() else entry.parent
    files = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in sources}
    found = EXPECTATION.finditer(files[script])
    command = COMMAND.search(files[script])
    case = Case(
        name=entry.stem,
        files=files,
        script=script,
        probes=tuple(probe for path, text in files.items() for probe in marked_probes(path, text)),
        bounds={match["kind"]: Bounds.parse(match["bounds"]) for match in found},
        seeded="\n# UNSEEDED" not in files[script],
        named=tuple(name for path, text in files.items() for name in named_lines(path, text)),
        refusals={found["kind"]: found["text"] for found in REFUSAL.finditer(files[script])},
        command=tuple(command["words"].split()) if command else (),
    )
    if sorted(case.kinds) != sorted([*case.bounds, *case.refusals]):
        expected = [*case.bounds, *case.refusals]
        raise ValueError(f"{case.name}: probes {case.kinds}, expectations {expected}")
    return case


def load_cases() -> list[Case]:
    """All cases of scripts/, by name."""
    entries = [path for path in sorted(SCRIPTS.iterdir()) if path.name != "__pycache__"]
    return [load_case(entry) for entry in entries]
