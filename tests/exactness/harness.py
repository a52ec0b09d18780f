"""Runs a case plainly, under `flor record` and under `flor replay`, and holds the answers together.

The truth of a probe comes from running the probed script plainly, beside a stand-in for flor
(standin/flor.py). One such run carries all probes of a script at once: they change nothing, and
that they do not is seen from what the script itself prints, which must be what was recorded.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.exactness.cases import Case, Named, Probe

REPOSITORY = Path(__file__).resolve().parents[2]
STANDIN = Path(__file__).with_name("standin")
FLOR = (sys.executable, "-m", "florctl")
# So much that a checkpoint is taken at every boundary and block. With the default budget scripts
# of a second could afford hardly any, and what a replay must execute could not be foretold.
DENSE = ("--budget", "10000%")
TIME_LIMIT_S = 120
GIT_CONFIG = """\
[user]
    name = A Tester
    email = tester@example.org
[init]
    defaultBranch = main
[commit]
    gpgSign = false
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a finished command left: both streams as bytes, and its exit status."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        """Standard output, line by line."""
        return self.stdout.decode("utf-8").splitlines()


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a home of its own: below `root` lie the project, HOME and FLOR_HOME."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where the script stands and commands are typed."""
        return self.root / "project"

    def create(self, files: Mapping[str, str], assets: Mapping[str, Path] | None = None) -> None:
        """Make the folder, with these files and copies of the assets, and a home beside it."""
        home = self.root / "home"
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
        self.folder.mkdir()
        self.write(files)
        for path, source in (assets or {}).items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def commit(self) -> None:
        """Make the folder a git repository with all that lies in it committed."""
        for words in ("init --quiet", "add --all", "commit --quiet --message start"):
            ran = self.run("git", *words.split())
            if ran.status != 0:
                raise RuntimeError(f"git {words}: {ran.stderr}")

    def write(self, files: Mapping[str, str]) -> None:
        """Put the files in place, over what is there."""
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def environment(self, *python_path: Path, **more: str) -> dict[str, str]:
        """The environment of a command: this one's, less all that could reach flor or git."""
        away = ("FLOR_", "GIT_", "XDG_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
        home = self.root / "home"
        return kept | {
            "HOME": str(home),
            "FLOR_HOME": str(home / ".flor"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(str(path) for path in python_path),
            **more,
        }

    def run(
        self,
        *words: str,
        environment: dict[str, str] | None = None,
        stdin: bytes = b"",
        limit_s: float = TIME_LIMIT_S,
    ) -> Ran:
        """Run a command in the project to its end; with status 124 where that takes too long."""
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=environment or self.environment(REPOSITORY),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(stdin, limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its children too, or their pipes stay open
            stdout, _ = process.communicate()
            return Ran(124, stdout, f"not ended after {limit_s} seconds")
        return Ran(process.returncode, stdout, stderr.decode("utf-8", "replace"))

    def python(self, *words: str, stdin: bytes = b"") -> Ran:
        """Run Python plainly, as a person without flor does."""
        return self.run(sys.executable, *words, stdin=stdin)

    def flor(self, *words: str, stdin: bytes = b"") -> Ran:
        """Run `flor WORDS…`."""
        return self.run(*FLOR, *words, stdin=stdin)


ProjectAt = Callable[[Path], Project]
"""Makes a project whose folder and homes lie below another folder."""


@dataclass(frozen=True, slots=True)
class Divided(Project):
    """A project whose replays are divided at random, where several workers are asked for."""

    def flor(self, *words: str, stdin: bytes = b"") -> Ran:
        """Run `flor WORDS…`."""
        seed = str(crc32(" ".join(words).encode()))
        program = (sys.executable, "-m", "tests.exactness.divided", seed)
        return self.run(*program, *words, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a plain run of the probed script says.

    Attributes:
        status: its exit status.
        own_lines: what the script prints by itself, without the lines of probes.
        values: the values of each probe by name, in order of execution.
    """

    status: int
    own_lines: list[str]
    values: dict[str, list[Any]]


def find_truth(case: Case, project: Project) -> Truth:
    """Run the script plainly with all its probes in place, in a project that is not there yet."""
    project.create(case.probed(case.kinds, plainly=True), case.assets)
    logged = project.root / "truth.jsonl"
    environment = project.environment(STANDIN, PROBE_TRUTH=str(logged))
    words = [sys.executable if word == "python" else word for word in case.command]
    command = words or [sys.executable, case.script, *case.arguments]
    ran = project.run(*command, environment=environment)
    if ran.status != 0:
        raise RuntimeError(f"{case.name} ended with {ran.status} by itself:\n{ran.stderr}")
    values: dict[str, list[Any]] = {probe.name: [] for probe in case.asking(case.kinds)}
    if logged.exists():
        for name, value in map(json.loads, logged.read_text("utf-8").splitlines()):
            values.setdefault(name, []).append(canonical(value))
    printed = [probe for probe in case.asking(case.kinds) if probe.prints]
    own = []
    for line in ran.lines:
        probe = next((p for p in printed if line.startswith(p.name + " ")), None)
        if probe is None:
            own.append(line)
        else:
            values[probe.name].append(line)
    return Truth(ran.status, own, values)


def repeated_lines(case: Case, recorded: list[str]) -> dict[str, list[Any]]:
    """The truth for a script without seeds, which no second run could tell.

    A probe of such a script prints `NAME again …` where the script itself has printed `NAME …`.
    """
    values = {}
    for probe in case.asking(case.kinds):
        name = probe.name.removesuffix(" again")
        lines = [line for line in recorded if line.startswith(name + " ")]
        values[probe.name] = [probe.name + line.removeprefix(name) for line in lines]
    return values


def canonical(value: Any) -> Any:
    """A logged value so that == compares types and bits.

    >>> canonical([1, 1.0, float("nan")])
    [('int', 1), ('float', '0x1.0000000000000p+0'), ('str', 'NaN')]
    """
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if not isinstance(value, float):
        return (type(value).__name__, value)
    if math.isfinite(value):
        return ("float", value.hex())
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return ("str", name)


@dataclass(frozen=True, slots=True)
class Recording:
    """A case that was recorded once, ready for replays of each of its probes."""

    case: Case
    project: Project
    ran: Ran
    values: dict[str, list[Any]]
    problems: list[str]


def record(
    case: Case,
    root: Path,
    budget: tuple[str, ...] = DENSE,
    plainly: ProjectAt = Project,
    really: ProjectAt = Project,
) -> Recording:
    """Record the case under `root`, and find the truth of its probes.

    Args:
        case: what to record.
        root: of this recording alone.
        budget: words of `flor record`.
        plainly: makes the project in which the truth is found.
        really: makes the project in which it is recorded and replayed.
    """
    project = really(root / "recorded")
    project.create(case.files, case.assets)
    project.commit()
    ran = project.flor("record", *budget, *command_of(case))
    shown = json.loads(project.flor("log", "show", "@", "--json").stdout or b"{}")
    unnamed = [
        f"flor log show does not name {name}" for name in case.named if not names(shown, name)
    ]
    if not case.seeded:
        problems = unnamed if ran.status == 0 else [f"recording ended with {ran.status}"]
        return Recording(case, project, ran, repeated_lines(case, ran.lines), problems)
    truth = find_truth(case, plainly(root / "plain"))
    problems = unnamed
    if ran.status != truth.status:
        problems.append(f"recording ended with {ran.status}: {ran.stderr[-2000:]}")
    if ran.stdout.decode("utf-8") != "".join(line + "\n" for line in truth.own_lines):
        problems.append(f"recording printed {ran.lines}, a plain run {truth.own_lines}")
    return Recording(case, project, ran, truth.values, problems)


def command_of(case: Case) -> list[str]:
    """What stands behind `flor record`."""
    words = [sys.executable if word == "python" else word for word in case.command]
    return ["--", *words] if words else [case.script, *case.arguments]


def names(said: dict[str, Any], name: Named) -> bool:
    """Whether a record or a report names a text together with its file and line."""
    items = said.get("not_captured", [])
    if any(
        name.text in item["name"] and (item["file"], item["line"]) == (name.path, name.line)
        for item in items
    ):
        return True
    place = re.compile(re.escape(f"{name.path}:{name.line}") + r"(?!\d)")
    texts = [warning["text"] for warning in said.get("warnings", [])]
    texts += [
        f"{one['file']}:{one.get('line')}: {one['reason']}" for one in said.get("unplaced", [])
    ]
    return any(name.text in text and place.search(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay for one kind of probe.

    Attributes:
        values: how many values the plain run gave for the probes of this kind.
        executed: loop turns that the replay ran; None where it gave no report.
        problems: all that is not as it should be, in words; empty when exact, or refused by name.
        refused: what the replay gave as its reason, where it was refused or marked.
    """

    values: int
    executed: int | None
    problems: list[str]
    refused: str | None = None


def replay(
    recording: Recording, kind: str, *words: str, asked: Callable[[int], bool] | None = None
) -> Outcome:
    """Add the probes of one kind, replay, and compare with the truth, bit for bit."""
    case, project = recording.case, recording.project
    probes = case.asking([kind])
    expected = {
        probe.name: [
            value
            for number, value in enumerate(recording.values[probe.name])
            if asked is None or asked(number)
        ]
        for probe in probes
    }
    count = sum(map(len, expected.values()))
    project.write(case.probed([kind]))
    ran = project.flor("replay", "--json", "--yes", *words)
    report = report_of(ran)
    if kind in case.refusals:
        return refused(recording, kind, ran, report, expected)
    if report is None:
        reason = f"replay ended with {ran.status} and no report: {ran.stderr[-2000:]}"
        return Outcome(count, None, [*recording.problems, reason])
    problems = list(recording.problems)
    if ran.status != 0:
        problems.append(f"replay ended with {ran.status}: {ran.stderr[-2000:]}")
    problems += report_problems(case, kind, report)
    got = replayed_values(project, probes, report["replay"])
    for name, values in expected.items():
        problems += value_problems(name, values, got[name])
    return Outcome(count, report["executed_iterations"], problems)


def refused(
    recording: Recording,
    kind: str,
    ran: Ran,
    report: dict[str, Any] | None,
    expected: dict[str, list[Any]],
) -> Outcome:
    """What came of a replay that has to be refused, or whose values have to be marked."""
    case, reason = recording.case, recording.case.refusals[kind]
    count, problems = sum(map(len, expected.values())), list(recording.problems)
    if ran.status == 0:
        problems.append(f"replay ended with 0: {ran.stderr[-2000:]}")
    said = ran.stderr if report is None else json.dumps(report)
    if reason not in said:
        problems.append(f"replay does not say {reason!r}: {said[-2000:]}")
    if report is None:
        return Outcome(count, None, problems, reason)
    problems += [f"report does not name {name}" for name in case.named if not names(report, name)]
    probes = case.probes_of([kind])
    for name, values in replayed_values(recording.project, probes, report["replay"], True).items():
        if values and values != expected[name]:
            problems.append(f"{name} is called verified: {values}, expected {expected[name]}")
    return Outcome(count, report["executed_iterations"], problems, reason)


def report_of(ran: Ran) -> dict[str, Any] | None:
    """The report that `flor replay --json` has printed; None where it refused or fell over."""
    try:
        report = json.loads(ran.stdout)
    except ValueError:
        return None
    return report if isinstance(report, dict) and "compared" in report else None


def report_problems(case: Case, kind: str, report: dict[str, Any]) -> list[str]:
    """What the replay's own report says against it."""
    problems = [f"report does not name {name}" for name in case.named if not names(report, name)]
    if report["status"] != "verified":
        problems.append(f"status {report['status']}, first {report['first_divergence']}")
    compared = report["compared"]
    if compared["different"] or compared["missing"]:
        problems.append(f"compared {compared}")
    if not case.seeded and not compared["identical"]:
        problems.append("nothing recorded was compared")
    executed = report["executed_iterations"]
    # What leads to a part, several workers may execute.
    if report["workers"] <= 1 and executed not in case.bounds[kind]:
        problems.append(f"executed {executed} turns, expected {case.bounds[kind]}")
    if report["unplaced"]:
        problems.append(f"unplaced {report['unplaced']}")
    return problems


def replayed_values(
    project: Project, probes: list[Probe], replay_id: str, verified: bool | None = None
) -> dict[str, list[Any]]:
    """The values that one replay has brought for each probe, in order of execution.

    Args:
        project: where it ran.
        probes: which ones.
        replay_id: of the replay.
        verified: only those that are called so.
    """
    names = sorted({"print" if probe.prints else probe.name for probe in probes})
    ran = project.flor("log", "get", "@", *names, "--json")
    rows = [row for row in json.loads(ran.stdout or b"[]") if row["origin"] == replay_id]
    rows = [row for row in rows if verified is None or row["verified"] is verified]
    values = {}
    for probe in probes:
        if probe.prints:
            lines = [row["value"] for row in rows if row["name"] == "print"]
            values[probe.name] = [line for line in lines if line.startswith(probe.name + " ")]
        else:
            found = [row["value"] for row in rows if row["name"] == probe.name]
            values[probe.name] = [canonical(value) for value in found]
    return values


def value_problems(name: str, expected: list[Any], got: list[Any]) -> list[str]:
    """Where two sequences of values part, if they do."""
    if not expected:
        return [f"{name}: the plain run gave no value, so there is nothing to compare"]
    if got == expected:
        return []
    if len(got) != len(expected):
        return [f"{name}: {len(got)} values, expected {len(expected)}; {got[:3]} {expected[:3]}"]
    first = next(i for i in range(len(got)) if got[i] != expected[i])
    wrong = sum(a != b for a, b in zip(got, expected, strict=True))
    return [
        f"{name}: {wrong} of {len(got)} differ, number {first}: {got[first]}, expected {expected[first]}"
    ]
