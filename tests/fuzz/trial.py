"""One script through everything: its truth, its recording, and replays for several questions."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.exactness.cases import Case, marked_probes
from tests.exactness.harness import (
    STANDIN,
    Ran,
    canonical,
    replayed_values,
    report_of,
)
from tests.fuzz.forks import ForkedProject, Zygote

TURN = "turn"
DEGRADED = re.compile(r"warning: flor could not.*|Traceback \(most recent call last\)[\s\S]*")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: probes of which kinds are added, and the flags of the replay."""

    kinds: tuple[str, ...]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as it should be.

    Attributes:
        manner: what sort it is of: wrong, diverged, refused, …; shrinking keeps it.
        ask: where a replay showed it; None where the recording did.
        text: the details.
    """

    manner: str
    ask: Ask | None
    text: str


@dataclass(slots=True)
class Outcome:
    """What came of a script: findings, and figures for counting."""

    findings: list[Finding] = field(default_factory=list)
    replays: int = 0
    values: int = 0
    executed: int = 0
    skipped: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """What a plain run of the probed script says: for each name, (iteration, value) in order.

    The iteration is None outside the main loop, and where there are several.
    """

    status: int
    own_lines: list[str]
    values: Mapping[str, list[tuple[int | None, Any]]]
    turns: int


def case_of(files: Mapping[str, str]) -> Case:
    """The case of a rendered script."""
    probes = tuple(probe for path, text in files.items() for probe in marked_probes(path, text))
    return Case("train", files, "train.py", probes, {})


def asks_of(case: Case, seed: int, *, several_mains: bool) -> list[Ask]:
    """Questions about a script, drawn from its seed: all probes at once, and some alone."""
    dice = random.Random(seed)
    kinds = [kind for kind in case.kinds if kind != TURN]
    outside = [kind for kind in kinds if kind not in INSIDE]
    asks = [Ask(tuple(kinds))]
    if outside:
        asks.append(Ask(tuple(dice.sample(outside, min(2, len(outside))))))
    if dice.random() < 0.4:
        asks.append(Ask((dice.choice(kinds),)))
    if not several_mains:
        chosen = tuple(dice.sample(kinds, min(2, len(kinds))))
        asks.append(Ask(chosen, ("--epochs", dice.choice(("1", "0", "1:2", "0:2", "1,0")))))
        if dice.random() < 0.4:
            asks.append(Ask(chosen, ("--part", dice.choice(("1/2", "2/2", "2/3", "3/3")))))
    if dice.random() < 0.15:
        asks.append(Ask(tuple(kinds), ("--verify",)))
    if dice.random() < 0.5:
        asks.append(Ask(tuple(kinds), ("--workers", dice.choice("234"))))
    return asks


# Kinds that make every step be executed; questions of the others show whether loops are skipped.
INSIDE = {
    "inner",
    "batch",
    "grads",
    "printed",
    "forward",
    "function",
    "generator",
    "dataset",
    "module",
}


def try_script(
    files: Mapping[str, str],
    asks: Sequence[Ask],
    root: Path,
    zygote: Zygote | None,
    budget: str,
) -> Outcome:
    """Record the script under `root` and put the questions; real processes without a zygote."""
    case, outcome = case_of(files), Outcome()
    everything = _told(case, case.kinds, root / "plain", zygote, outcome)
    if everything is None:
        return outcome
    project = ForkedProject(root / "recorded", zygote=zygote)
    project.create(case.files)
    ran = project.flor("record", "--no-version", "--budget", budget, case.script)
    outcome.findings += _recording_findings(ran, everything)
    for number, ask in enumerate(asks):
        kinds = (*ask.kinds, TURN)
        if set(kinds) != set(case.kinds):
            told = _told(case, kinds, root / f"plain{number}", zygote, outcome)
        else:
            told = everything
        if told is not None:
            _put(case, ask, project, told, outcome)
    return outcome


def _told(
    case: Case, kinds: Sequence[str], root: Path, zygote: Zygote | None, outcome: Outcome
) -> Told | None:
    project = ForkedProject(root, zygote=zygote)
    project.create(case.probed(kinds, plainly=True))
    logged = root / "truth.jsonl"
    environment = project.environment(STANDIN, PROBE_TRUTH=str(logged))
    ran = project.run(sys.executable, case.script, environment=environment)
    if ran.status != 0:
        outcome.findings.append(Finding("broken", None, ran.stderr[-3000:]))
        return None
    lines = logged.read_text("utf-8").splitlines() if logged.exists() else []
    rows = [json.loads(line) for line in lines]
    values: dict[str, list[tuple[int | None, Any]]] = {p.name: [] for p in case.asking(kinds)}
    turns = _Turns()
    for name, value in rows:
        if name == TURN:
            turns.move(value)
        else:
            values[name].append((turns.now, canonical(value)))
    printed = {probe.name for probe in case.asking(kinds) if probe.prints}
    own, turns = [], _Turns()
    for line in ran.lines:
        name, _, rest = line.partition(" ")
        if name == TURN:
            turns.move(rest)
        elif name in printed:
            values[name].append((turns.now, line))
        else:
            own.append(line)
    return Told(ran.status, own, values, turns.count)


class _Turns:
    """Which iteration of the main loop it is."""

    def __init__(self) -> None:
        self.count = 0
        self.now: int | None = None

    def move(self, word: str) -> None:
        """Go on to the next iteration, or out of the loop."""
        self.now = self.count if word == "begin" else None
        self.count += word == "begin"


def _recording_findings(ran: Ran, told: Told) -> list[Finding]:
    found = []
    if ran.status != told.status:
        found.append(Finding("exit status", None, f"{ran.status}: {ran.stderr[-3000:]}"))
    if ran.lines != told.own_lines:
        pairs = [(a, b) for a, b in zip(ran.lines, told.own_lines, strict=False) if a != b][:2]
        found.append(Finding("printed", None, f"recorded and plain: {pairs}"))
    degraded = DEGRADED.search(ran.stderr)
    if degraded:
        found.append(Finding("degraded", None, degraded[0][-3000:]))
    return found


def _put(case: Case, ask: Ask, project: ForkedProject, told: Told, outcome: Outcome) -> None:
    project.write(case.probed(ask.kinds))
    ran = project.flor("replay", "--json", "--yes", *ask.flags)
    project.write(case.files)
    outcome.replays += 1
    report = report_of(ran)
    degraded = DEGRADED.search(ran.stderr)
    if degraded:
        outcome.findings.append(Finding("degraded", ask, degraded[0][-3000:]))
    if report is None:
        outcome.findings.append(Finding(f"refused {ran.status}", ask, ran.stderr[-3000:]))
        return
    outcome.warnings += [warning["code"] for warning in report["warnings"]]
    outcome.executed += report["executed_iterations"]
    outcome.skipped += report["skipped_iterations"]
    wrong = _wrong_values(case, ask, project, told, report, outcome)
    idle = (
        "--workers" not in ask.flags
        and bool(ask.flags)
        and not report["plan"]["segments"]
        and report["status"] == "unverified"
    )
    if (report["status"] != "verified" and not idle) or ran.status != 0:
        text = f"exit status {ran.status}, first {report['first_divergence']}\n{ran.stderr[-2000:]}"
        outcome.findings.append(Finding(str(report["status"]), ask, "\n".join([text, *wrong])))
    elif wrong:
        outcome.findings.append(Finding("wrong", ask, "\n".join([*wrong, ran.stderr[-2000:]])))


def _wrong_values(
    case: Case,
    ask: Ask,
    project: ForkedProject,
    told: Told,
    report: Mapping[str, Any],
    outcome: Outcome,
) -> list[str]:
    probes = case.asking(ask.kinds)
    got = replayed_values(project, probes, report["replay"])
    asked = _asked(ask, report, told.turns)
    problems = []
    for probe in {probe.name: probe for probe in probes}.values():
        rows = told.values[probe.name]
        wanted = [value for turn, value in rows if asked is None or turn in asked]
        outside = [value for turn, value in rows if turn is None]
        given = got[probe.name]
        outcome.values += len(wanted)
        if given == wanted or (asked is not None and given == _within(rows, asked, outside, given)):
            continue
        problems.append(_difference(probe.name, given, wanted))
    return problems


def _within(
    rows: Sequence[tuple[int | None, Any]], asked: set[int], outside: list[Any], given: list[Any]
) -> list[Any]:
    """With part of the loop asked for, what lies outside of it may be told or not."""
    return [value for turn, value in rows if turn in asked or turn is None] if outside else []


def _difference(name: str, given: Sequence[Any], wanted: Sequence[Any]) -> str:
    if len(given) != len(wanted):
        return f"{name}: {len(given)} values, not {len(wanted)}: {given[:3]} {wanted[:3]}"
    first = next(n for n in range(len(given)) if given[n] != wanted[n])
    return f"{name}: number {first} of {len(given)} is {given[first]}, not {wanted[first]}"


def _asked(ask: Ask, report: Mapping[str, Any], turns: int) -> set[int] | None:
    """The iterations of the main loop that the question is about; None for all, and outside."""
    if "--epochs" in ask.flags:
        asked: set[int] = set()
        for piece in ask.flags[1].split(","):
            first, colon, stop = piece.partition(":")
            asked |= set(range(int(first), int(stop))) if colon else {int(first)}
        return {turn for turn in asked if turn < turns}
    if "--part" in ask.flags:
        return {
            turn
            for segment in report["plan"]["segments"]
            for turn in range(segment["start"], segment["stop"])
        }
    return None
