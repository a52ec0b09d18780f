"""What a replay is to do: which iterations, into which loops, from which sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from florlib.ground.position import Position, position_from_json

VERSION = 1
SHELL = "shell"  # mode of a plan whose replay opens a prompt
LineSpan = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """Iterations start <= i < stop of the main-th main loop.

    Attributes:
        turns: (start, stop) of the turns of the one nested loop in it that is run, where these
            alone are a part's; None for all.
    """

    main: int
    start: int
    stop: int
    turns: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a replay stops, for its names to be looked at.

    Attributes:
        main: number of the main loop.
        position: before a turn, from the main loop inwards.
        code: what is executed there; None where a person types it.
        shown: what is printed from there on is shown; else it goes to the replay's `said.txt`.
    """

    main: int
    position: Position
    code: str | None = None
    shown: bool = True

    def to_json(self) -> dict[str, Any]:
        """The stop as JSON."""
        position = [list(pair) for pair in self.position]
        return {
            "main": self.main,
            "position": position,
            "code": self.code,
            "shown": self.shown,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Stop:
        """The stop that `to_json` gave."""
        position = position_from_json(content["position"])
        return cls(content["main"], position, content["code"], content["shown"])


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one replay, as its workers read it (docs/formats/plan.md).

    Attributes:
        mode: "nothing", "prelude", "outer", "inner", "epilogue", "full": how deep it looks.
        segments: what to execute, in order; may be empty.
        parts: the same divided into what one of several workers takes on at a time, each to be
            entered from a checkpoint; None where one worker executes the segments.
        prelude: whether a probe stands before or between the main loops.
        epilogue: whether what follows the last main loop is executed.
        files: whether the answer depends on files that the run itself wrote: then no loop that
            wrote is skipped, and no iteration is jumped over.
        carries: names that probes hand on from iteration to iteration: then no iteration is
            jumped over, and probes run on the way to those that are asked for.
        left: by the number of a main loop, project-relative files that the recorded project still
            has as the loop left them, and whether they are there; so they are made behind the
            loop where not all of it was executed.
        gone: files, and folders with a slash behind, that the run made and removed; they are there
            to be removed, empty, where the iteration that made them was not executed.
        everything: whether every nested loop is stepped into.
        anew: whether nothing is restored, and all is executed from the start of the script.
        step: (path, ordinal) of the nested loops that are stepped into.
        turns: (start, stop) of the turns that are wanted of the innermost of those; None for all.
        hindsight: by path, the spans of statements that the record did not have.
        transparent: by path, the spans of recorded statements that now log a value in passing.
        passing: by path, the names that those log; what else is logged there was recorded too.
        introduced: by path, (function, name) of what only hindsight statements store.
        wrapped: by path, the ordinals of the loops that the recorded run wrapped.
        added: by path, the ordinals of further loops that hold probes.
        tolerance: relative difference of numbers that still passes.
        expression: whose turning true is looked for, over the names of the loops; None in replays.
        stop: where a prompt opens; None in replays.
    """

    run: str
    mode: str
    segments: tuple[Segment, ...] = ()
    parts: tuple[Segment, ...] | None = None
    prelude: bool = False
    epilogue: bool = False
    files: bool = False
    carries: tuple[str, ...] = ()
    left: Mapping[int, Mapping[str, bool]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    everything: bool = False
    anew: bool = False
    step: frozenset[tuple[str, int]] = frozenset()
    turns: tuple[tuple[int, int], ...] | None = None
    hindsight: Mapping[str, frozenset[LineSpan]] = field(default_factory=dict)
    transparent: Mapping[str, frozenset[LineSpan]] = field(default_factory=dict)
    passing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    introduced: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    wrapped: Mapping[str, frozenset[int]] = field(default_factory=dict)
    added: Mapping[str, frozenset[int]] = field(default_factory=dict)
    tolerance: float = 0.0
    expression: str | None = None
    stop: Stop | None = None

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON, everything in a fixed order.

        >>> plan = Plan("r", "outer", (Segment(0, 0, 3),), hindsight={"a.py": frozenset({(4, 4)})})
        >>> Plan.from_json(plan.to_json()) == plan
        True
        """
        return {
            "format": VERSION,
            "run": self.run,
            "mode": self.mode,
            "segments": _segments_to_json(self.segments),
            "parts": None if self.parts is None else _segments_to_json(self.parts),
            "prelude": self.prelude,
            "epilogue": self.epilogue,
            "files": self.files,
            "carries": list(self.carries),
            "left": {str(main): dict(files) for main, files in self.left.items()},
            "gone": sorted(self.gone),
            "everything": self.everything,
            "anew": self.anew,
            "step": sorted([path, ordinal] for path, ordinal in self.step),
            "turns": None if self.turns is None else [list(part) for part in self.turns],
            "hindsight": _spans_to_json(self.hindsight),
            "transparent": _spans_to_json(self.transparent),
            "passing": {path: sorted(names) for path, names in self.passing.items()},
            "introduced": {
                path: sorted([function, name] for function, name in names)
                for path, names in self.introduced.items()
            },
            "wrapped": {path: sorted(numbers) for path, numbers in self.wrapped.items()},
            "added": {path: sorted(numbers) for path, numbers in self.added.items()},
            "tolerance": self.tolerance,
            "expression": self.expression,
            "stop": None if self.stop is None else self.stop.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` gave; unknown fields are left aside."""
        return cls(
            run=content["run"],
            mode=content["mode"],
            segments=tuple(Segment(*part) for part in content["segments"]),
            parts=_parts_from_json(content.get("parts")),
            prelude=content["prelude"],
            epilogue=content["epilogue"],
            files=content["files"],
            carries=tuple(content["carries"]),
            left={int(main): files for main, files in content["left"].items()},
            gone=frozenset(content["gone"]),
            everything=content["everything"],
            anew=content.get("anew", False),
            step=frozenset((path, ordinal) for path, ordinal in content["step"]),
            turns=_turns_from_json(content.get("turns")),
            hindsight=_spans_from_json(content["hindsight"]),
            transparent=_spans_from_json(content["transparent"]),
            passing={path: frozenset(names) for path, names in content["passing"].items()},
            introduced={
                path: frozenset((function, name) for function, name in names)
                for path, names in content["introduced"].items()
            },
            wrapped={path: frozenset(numbers) for path, numbers in content["wrapped"].items()},
            added={path: frozenset(numbers) for path, numbers in content["added"].items()},
            tolerance=content.get("tolerance", 0.0),
            expression=content.get("expression"),
            stop=Stop.from_json(content["stop"]) if content.get("stop") else None,
        )


def _segments_to_json(segments: Sequence[Segment]) -> list[list[int]]:
    return [[one.main, one.start, one.stop, *(one.turns or ())] for one in segments]


def _parts_from_json(parts: Any) -> tuple[Segment, ...] | None:
    if parts is None:
        return None
    return tuple(
        Segment(main, start, stop, (turns[0], turns[1]) if turns else None)
        for main, start, stop, *turns in parts
    )


def _turns_from_json(parts: Any) -> tuple[tuple[int, int], ...] | None:
    return None if parts is None else tuple((start, stop) for start, stop in parts)


def _spans_to_json(by_path: Mapping[str, frozenset[LineSpan]]) -> dict[str, Any]:
    return {path: sorted(list(span) for span in spans) for path, spans in by_path.items()}


def _spans_from_json(by_path: Mapping[str, Any]) -> dict[str, frozenset[LineSpan]]:
    return {
        path: frozenset((first, last) for first, last in spans) for path, spans in by_path.items()
    }
