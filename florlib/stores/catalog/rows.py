"""What the catalog answers with: plain rows.

They are tuples, because a class of these is made in a tenth of the time that a frozen dataclass
takes, and so is each row: every command makes the classes, and some a million rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from florlib.ground.position import Position


class RunRow(NamedTuple):
    """One run, as `flor log list` shows it.

    Attributes:
        seconds: until it ended, or until its files were last touched.
        version: commit on the shadow branch, or None where no version was saved.
        dirty: files that differed from the user's HEAD.
        iterations: of main loops, completed.
        checkpoints, bytes: of those that are there.
        overhead: time that checkpoints cost, held up and slower beside the writer, as a share of
            training time.
        project: absolute path.
        folder: below FLOR_HOME.
        tags: of the recording, and those that were given or taken away since.
        note: that somebody wrote about it.
    """

    key: int
    run: str
    name: str
    ordinal: int
    status: str
    started: str
    seconds: float | None
    exit_status: int | None
    signal: int | None
    version: str | None
    dirty: int | None
    iterations: int
    checkpoints: int
    bytes: int
    overhead: float | None
    project: str
    folder: str
    tags: dict[str, str]
    note: str | None
    command: tuple[str, ...]


class VersionRow(NamedTuple):
    """The version that a run was started from.

    Attributes:
        commit: on the shadow branch.
        work_commit: the working tree, child of the user's commit.
        tree: of both.
        base: the user's commit.
        branch: that the user was on.
        dirty: files that differed from `base`.
        store: repository, or private.
        skipped: (path, reason) of what was left out.
    """

    commit: str
    work_commit: str
    tree: str
    base: str | None
    branch: str | None
    dirty: int
    store: str
    skipped: tuple[tuple[str, str], ...]


class LoopRow(NamedTuple):
    """A loop that the run went through; a nested one with its iterations over all entries."""

    name: str
    kind: str
    file: str | None
    line: int | None
    iterations: int


class CheckpointRow(NamedTuple):
    """A published checkpoint that has not been dropped.

    Attributes:
        file: below the run's folder.
    """

    position: Position
    bytes: int
    stall_s: float
    file: str


class MissingRow(NamedTuple):
    """A name that checkpoints could not hold, and why."""

    name: str
    file: str | None
    line: int | None
    reason: str


class ReplayRow(NamedTuple):
    """A replay of the run."""

    replay: str
    status: str
    seconds: float | None


class RunDetails(NamedTuple):
    """Everything that `flor log show` tells of a run beyond its row.

    Attributes:
        stall_s: how long training was held up.
        slowed_s: how much slower it was while they were written.
        longest_s: the most training between two checkpoints; None where no process has told.
        expected_s: what another checkpoint would cost.
        incomplete: checkpoints that lack something.
        dropped: how many checkpoints were deleted on purpose.
    """

    arguments: dict[str, Any]
    environment: dict[str, Any]
    tags: dict[str, str]
    branch: str | None
    base: str | None
    budget: float | None
    stall_s: float
    slowed_s: float
    longest_s: float | None
    expected_s: float | None
    incomplete: int
    loops: tuple[LoopRow, ...]
    captured: tuple[str, ...]
    not_captured: tuple[MissingRow, ...]
    checkpoints: tuple[CheckpointRow, ...]
    dropped: int
    read: tuple[str, ...]
    written: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...]
    replays: tuple[ReplayRow, ...]


SHELL = "shell"
"""Origin of values that a person logged at a prompt; also the status of what stands for a replay."""

ALTERED = 4
"""Flag of a row that was logged at a prompt, after something was altered by hand."""


class ValueRow(NamedTuple):
    """One logged value.

    Attributes:
        occurrence: the k-th of its name at its position and origin.
        value: JSON as in the journal (`florlib.ground.values`).
        origin: "record", the id of the replay, or "shell".
        verified: of a recorded value, whether the newest replay came to the same; of a new one, whether
            its replay was as recorded around it. None where nothing was compared.
        hindsight: logged by a statement that was added after the run.
        wave: the n-th process of its rank, where a shell started several.
        altered: logged at a prompt, after something was altered by hand.
    """

    position: Position
    name: str
    occurrence: int
    value: Any
    origin: str
    verified: bool | None
    hindsight: bool
    rank: int
    file: str | None
    line: int | None
    wave: int
    altered: bool = False

    @property
    def mark(self) -> str | None:
        """`verified` in a word; None of a recorded value that no replay has come to."""
        if self.altered:
            return "altered"
        if self.verified is None:
            return None if self.origin == "record" else "unverified"
        return "verified" if self.verified else "diverged"

    @property
    def is_trusted(self) -> bool:
        """Whether the run logged it, or would have: it was recorded, or its replay was verified."""
        return self.origin == "record" or self.verified is True


class NameRow(NamedTuple):
    """A name that was logged in a run: how many values from the recording, replays and prompts."""

    name: str
    recorded: int
    replayed: int
    typed: int = 0
