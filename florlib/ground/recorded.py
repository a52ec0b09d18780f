"""What one process of a run did, read out of its journal's records: loops, ends, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from florlib.ground.journal_format import Record
from florlib.ground.position import Position, position_from_json
from florlib.ground.stamp import Left
from florlib.ground.values import decode_value


def told_iterations(record: Record) -> range:
    """The indices that an iteration record tells of: short iterations share one.

    >>> told_iterations({"index": 9, "turns": 3}), told_iterations({"index": 9})
    (range(7, 10), range(9, 10))
    """
    last = record["index"]
    return range(last - record.get("turns", 1) + 1, last + 1)


@dataclass(frozen=True, slots=True)
class CheckpointMark:
    """A published checkpoint, as the journal tells of it."""

    file: str  # relative to the run's folder
    complete: bool  # all that matters is in it, worker processes apart
    workers: bool  # processes of a DataLoader were under way that no checkpoint holds
    missing: tuple[str, ...]
    bytes: int


# By (main loop, its iteration, block): by the turn that follows, None for the block's end.
_Marks = dict[tuple[int, int, int], dict[int | None, CheckpointMark]]


Loops = tuple[tuple[str | None, int | None], ...]
"""(path, ordinal) of training loops, from the main loop inwards; empty outside of all."""

Making = tuple[Position, str, str]
"""(position, file, function) of the user's that a temporary file or folder was made at."""


def _complete_in_all(
    mark: CheckpointMark, others: Iterable[CheckpointMark | None]
) -> CheckpointMark:
    """A mark that is complete only if the same ones of other ranks are there and complete."""
    if all(other is not None and other.complete for other in others):
        return mark
    return replace(mark, complete=False)


@dataclass(frozen=True, slots=True)
class StepMark:
    """A moment in the middle of a nested loop: how far the run had come as a checkpoint was taken.

    Attributes:
        index: of the main loop's iteration.
        block: number of the nested loop in it.
        around: position of the loop's parent.
        loop: its name.
        turn: the one that follows.
        seconds: that the iteration had taken.
        block_s: that the loop had.
        wrote: whether the loop may have written to project files.
        drawn_from: digest of the generators that the order of its items was drawn from; None where
            none is.
        passed: training loops that had ended in the same turn of the parent.
        checkpoint: None where it was not published, or was dropped.
    """

    index: int
    block: int
    around: Position
    loop: str
    turn: int
    seconds: float
    block_s: float
    wrote: bool
    drawn_from: str | None
    passed: tuple[str, ...] = ()
    checkpoint: CheckpointMark | None = None


@dataclass(slots=True)
class BlockMark:
    """One execution of a nested training loop.

    Attributes:
        how: "exhausted", "break", "return" or "raise".
        wrote: whether it may have written to project files.
        skippable: whether restoring its end stands for having run it.
        seconds: that it took; None where the record does not tell.
        steps: checkpoints in its middle, by the index of the turn that follows.
    """

    path: str | None
    ordinal: int | None
    iterations: int
    how: str
    skippable: bool
    wrote: bool = False
    seconds: float | None = None
    checkpoint: CheckpointMark | None = None
    steps: dict[int, CheckpointMark] = field(default_factory=dict)


@dataclass(slots=True)
class MainMark:
    """One main loop.

    Attributes:
        iterations: turns that ran to their end, or were left by break or return.
        how: how it ended; "killed" where the journal ends inside it.
        boundaries: checkpoints by the index of the iteration that follows.
        blocks: by (position of the parent, loop name).
        seconds: of each iteration, by index; short ones have those of the average.
        steps: moments in the middle of nested loops, in their order.
        began_s: seconds behind the begin of its process; None where the record does not tell.
    """

    name: str
    path: str | None
    ordinal: int | None
    iterations: int = 0
    how: str = "killed"
    boundaries: dict[int, CheckpointMark] = field(default_factory=dict)
    blocks: dict[tuple[Position, str], BlockMark] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    steps: list[StepMark] = field(default_factory=list)
    began_s: float | None = None

    @property
    def last_step(self) -> StepMark | None:
        """The last one of the iteration under way; None where there is none."""
        return next((one for one in self.steps[-1:] if one.index == self.iterations), None)

    @property
    def innermost(self) -> frozenset[tuple[str | None, int | None]]:
        """(path, ordinal) of the nested loops that have no other one inside."""
        inside = {parent[: depth + 1] for parent, _ in self.blocks for depth in range(len(parent))}
        outer = {(place[:-1], place[-1][0]) for place in inside}
        around = {(block.path, block.ordinal) for key, block in self.blocks.items() if key in outer}
        return frozenset((block.path, block.ordinal) for block in self.blocks.values()) - around

    @property
    def left_early(self) -> bool:
        """Whether the last iteration left the loop by break or return."""
        return self.how in ("break", "return")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a run read and had not written, as it was then.

    Attributes:
        size: in bytes.
        changed_ns: time of change, nanoseconds since 1970.
        digest: xxh3_128 of its content; None where that was not looked at.
    """

    size: int
    changed_ns: int
    digest: str | None


@dataclass(slots=True)
class RecordedProcess:
    """One journal of a run.

    Attributes:
        process: its "process" record.
        moved_names: dotted names of numbers in libraries that a main loop moved.
        calls: (path, qualname) of functions that were seen to be called, by the loops around.
        made_files: files of the project that were written before they were read.
        inputs: by path, files of the project that it read and had not written.
        reread_files: written ones that the main loops read.
        gone_files: files, and folders with a slash behind, that it removed or renamed, and
            whether they were there each time.
        behind_files: (main loop, path) of written files that were read behind a main loop.
        temporary: by where they were made (position, file, function), temporary files
            and folders in their order, each with the ways to write its path.
        left_files: by the number of the main loop, what it left written files as.
        dropped: files of checkpoints that were deleted on purpose; no mark has them.
        executed: by path, texts that it ran in another way than by importing the file.
        ended: whether the process came to its end; False where it was killed.
        ended_s: seconds behind its begin; None where the record does not tell.
    """

    process: Record
    mains: list[MainMark] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    executed: dict[str, str] = field(default_factory=dict)
    wrapped: dict[str, frozenset[int]] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    calls: dict[Loops, set[tuple[str, str]]] = field(default_factory=dict)
    made_files: list[str] = field(default_factory=list)
    inputs: dict[str, Input] = field(default_factory=dict)
    reread_files: list[str] = field(default_factory=list)
    read_files: list[str] = field(default_factory=list)
    written_files: list[str] = field(default_factory=list)
    gone_files: dict[str, bool] = field(default_factory=dict)
    behind_files: list[tuple[int, str]] = field(default_factory=list)
    temporary: dict[Making, list[list[str]]] = field(default_factory=dict)
    left_files: dict[int, Left] = field(default_factory=dict)
    moved_names: list[str] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    ended: bool = False
    ended_s: float | None = None

    @property
    def import_paths(self) -> list[str]:
        """Folders of the project, relative to it, that stood on sys.path."""
        return list(self.process.get("paths", ()))

    def decoded_arguments(self) -> dict[str, Any]:
        """What `flor.arg` gave."""
        return {name: decode_value(value) for name, value in self.arguments.items()}

    @classmethod
    def read(cls, records: Iterable[Record]) -> RecordedProcess | None:
        """Put the records of a journal in order; None where it holds no process yet."""
        found: RecordedProcess | None = None
        marks: _Marks = {}
        pending: list[tuple[tuple[int, int, int], BlockMark]] = []
        for record in records:
            if record["kind"] == "process":
                found = cls(record)
            elif found is not None:
                found._take(record, marks, pending)
        if found is not None and found.dropped:
            found._forget_dropped(marks)
        for key, block in pending:
            found_marks = marks.get(key, {})
            block.checkpoint = found_marks.get(None)
            block.steps = {step: mark for step, mark in found_marks.items() if step is not None}
        for number, main in enumerate(found.mains if found is not None else ()):
            main.steps = [
                replace(one, checkpoint=marks.get((number, one.index, one.block), {}).get(one.turn))
                for one in main.steps
            ]
        return found

    def _take(
        self,
        record: Record,
        marks: _Marks,
        pending: list[tuple[tuple[int, int, int], BlockMark]],
    ) -> None:
        kind = record["kind"]
        if kind == "source":
            self.sources[record["path"]] = record["text"]
        elif kind == "executed":
            self.executed[record["path"]] = record["text"]
        elif kind == "loops":
            self.wrapped[record["path"]] = frozenset(loop["ordinal"] for loop in record["loops"])
        elif kind == "enter" and record["role"] == "main":
            path, ordinal = record["path"] or None, record["ordinal"]
            mark = MainMark(record["loop"], path, ordinal, began_s=record.get("at_s"))
            self.mains.append(mark)
        elif kind == "iteration":
            main = self.mains[record["main"]]
            over = told_iterations(record)
            main.iterations = max(main.iterations, over.stop)
            main.seconds.update(dict.fromkeys(over, record["seconds"] / len(over)))
        elif kind == "exit":
            self._take_exit(record, pending)
        elif kind == "checkpoint":
            self._take_checkpoint(record, marks)
        elif kind == "step":
            self._take_step(record)
        elif kind == "dropped":
            self.dropped.add(record["file"])
        elif kind == "arg" and record["source"] == "flor.arg":
            self.arguments[record["name"]] = record["value"]
        elif kind == "calls":
            loops = tuple((path, ordinal) for path, ordinal in record["loops"])
            functions = ((path, name) for path, name in record["functions"])
            self.calls.setdefault(loops, set()).update(functions)
        elif kind == "files":
            self._take_files(record)
        elif kind == "temporary":
            making = position_from_json(record["position"]), record["file"], record["function"]
            self.temporary.setdefault(making, []).append(record["paths"])
        elif kind == "left":
            self.left_files[record["main"]] = {
                path: tuple(left) if isinstance(left, list) else left
                for path, left in record["files"].items()
            }
        elif kind == "warning" and record["code"] == "library-moved":
            self.moved_names.append(record["name"])
        elif kind == "end":
            self.ended, self.ended_s = True, record.get("at_s")
            for main in self.mains:  # a generator that was waiting in it was dropped at the end
                main.how = "raise" if main.how == "killed" else main.how

    def keep_in_step(self, others: Sequence[RecordedProcess]) -> None:
        """Take what the other ranks of the run have no complete checkpoint of for incomplete here.

        Ranks wait for each other, so that all have to go on from the same place, and to pass by the
        same loops. Which checkpoints one could afford, or has dropped, is its own affair.
        """
        for number, main in enumerate(self.mains):
            theirs = [other.mains[number] for other in others if number < len(other.mains)]
            main.boundaries = {
                index: _complete_in_all(mark, [one.boundaries.get(index) for one in theirs])
                for index, mark in main.boundaries.items()
            }
            for key, block in main.blocks.items():
                same = [one.blocks[key] for one in theirs if key in one.blocks]
                if block.checkpoint is not None:
                    ends = [one.checkpoint for one in same]
                    block.checkpoint = _complete_in_all(block.checkpoint, ends)
                block.steps = {
                    turn: _complete_in_all(mark, [one.steps.get(turn) for one in same])
                    for turn, mark in block.steps.items()
                }

    def _forget_dropped(self, marks: _Marks) -> None:
        for main in self.mains:
            main.boundaries = {
                index: mark
                for index, mark in main.boundaries.items()
                if mark.file not in self.dropped
            }
        for key, known in marks.items():
            marks[key] = {
                step: mark for step, mark in known.items() if mark.file not in self.dropped
            }

    def _take_files(self, record: Record) -> None:
        self.read_files += record["read"]
        self.written_files += record["written"]
        self.made_files += record.get("made", ())
        self.inputs.update((path, Input(*rest)) for path, *rest in record.get("inputs", ()))
        self.reread_files += record.get("reread", ())
        for path, found in record.get("gone", ()):
            self.gone_files[path] = found and self.gone_files.get(path, True)
        self.behind_files += [(main, path) for main, path in record.get("behind", ())]

    def _take_exit(
        self, record: Record, pending: list[tuple[tuple[int, int, int], BlockMark]]
    ) -> None:
        main = self.mains[record["main"]]
        if record["role"] == "main":
            main.how = record["how"]
            return
        position = position_from_json(record["position"])
        block = BlockMark(
            record["path"],
            record["ordinal"],
            record["iterations"],
            record["how"],
            record["skippable"],
            record.get("wrote", False),
            record.get("seconds"),
        )
        main.blocks[position, record["loop"]] = block
        if record["block"] is not None:
            pending.append(((record["main"], record["index"], record["block"]), block))

    def _take_step(self, record: Record) -> None:
        main, around = self.mains[record["main"]], position_from_json(record["position"])
        if record["index"] != main.iterations:
            return  # short iterations before it are not told of yet, so that its own time is not known
        passed = []
        for parent, loop in reversed(main.blocks):
            if parent[: len(around)] != around:
                break
            passed += [loop] if parent == around else []
        names = ("index", "block", "loop", "seconds", "block_s", "wrote", "drawn_from")
        told = {name: record[name] for name in names}
        mark = StepMark(**told, around=around, turn=record["step"], passed=tuple(passed))
        main.steps.append(mark)

    def _take_checkpoint(self, record: Record, marks: _Marks) -> None:
        names = tuple(item["name"] for item in record["missing"])
        mark = CheckpointMark(
            record["file"],
            record["complete"],
            record.get("workers", False),
            names,
            record["bytes"],
        )
        if record["role"] == "boundary":
            self.mains[record["main"]].boundaries[record["index"]] = mark
        else:
            key = (record["main"], record["index"], record["block"])
            marks.setdefault(key, {})[record.get("step")] = mark
