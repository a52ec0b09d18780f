"""The errors that flor shows: each knows its code, its exit status and the next step."""

from __future__ import annotations


class FlorError(Exception):
    """Something that a person can act on: one line that says what happened, and a hint.

    Args:
        message: what happened, to which thing, by which number; no full stop.
        hint: what to do next; where it names a command, the command works when pasted.

    Attributes:
        details: lines to show above the message, such as a diff; mostly none.
    """

    code = "flor-error"
    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: list[str] = []


class UsageError(FlorError):
    """The words of the command line do not fit together."""

    code, exit_status = "usage", 2


class ScriptNotFound(UsageError):
    """The script to run does not exist."""

    code = "script-not-found"


class RunNotFound(FlorError):
    """No recorded run answers to the selector."""

    code, exit_status = "run-not-found", 3


class RunAmbiguous(FlorError):
    """More than one recorded run answers to the selector."""

    code, exit_status = "run-ambiguous", 3


class RevisionNotFound(FlorError):
    """No commit answers to the git revision."""

    code, exit_status = "revision-not-found", 3


class RevisionAmbiguous(FlorError):
    """More than one commit answers to the beginning of an id."""

    code, exit_status = "revision-ambiguous", 3


class VersionMissing(FlorError):
    """A run has no version, or its objects are not in the repository any more."""

    code, exit_status = "version-missing", 5


class MergeStopped(FlorError):
    """git did not merge a version, or left conflicts to be resolved."""

    code, exit_status = "merge-stopped", 1


class ReplayDiverged(FlorError):
    """A replayed value or an end state differs from the recorded one."""

    code, exit_status = "replay-diverged", 4


class CheckpointMissing(FlorError):
    """A checkpoint that the journal names is not there."""

    code, exit_status = "checkpoint-missing", 5


class CheckpointDamaged(FlorError):
    """A checkpoint's bytes do not hash to what its header says."""

    code, exit_status = "checkpoint-damaged", 5


class ArrayMissing(FlorError):
    """The elements of a large logged array are not where they were written."""

    code, exit_status = "array-missing", 5


class ArrayDamaged(FlorError):
    """The elements of a large logged array are not what was written."""

    code, exit_status = "array-damaged", 5


class JournalDamaged(FlorError):
    """A journal is not one, or is damaged elsewhere than at its end."""

    code, exit_status = "journal-damaged", 5


class RunDamaged(FlorError):
    """A run's run.json cannot be read, or lacks what is needed of it."""

    code, exit_status = "run-damaged", 5


class FormatTooNew(FlorError):
    """A file was written in a format version that this flor does not know."""

    code, exit_status = "format-too-new", 5


class CodeChanged(FlorError):
    """The present sources differ from the recorded ones by more than probes."""

    code, exit_status = "code-changed", 6


class NotResumable(FlorError):
    """The run has ended, or holds nothing to go on from."""

    code, exit_status = "not-resumable", 5


class EnvironmentDiffers(FlorError):
    """Python, packages, processor or devices are not those of the run."""

    code, exit_status = "environment-differs", 6


class NoCluster(FlorError):
    """The machines that were asked for cannot be reached, or cannot run a worker."""

    code, exit_status = "no-cluster", 1


class NotReplayable(FlorError):
    """The run holds nothing that a replay could start from."""

    code, exit_status = "not-replayable", 5


class PartialResult(FlorError):
    """A part of the answer could not be had; the rest was delivered."""

    code, exit_status = "partial-result", 7


class VersionNotSaved(FlorError):
    """The working tree could not be saved as a version; the run goes on without one."""

    code, exit_status = "version-not-saved", 1


class HomeNotWritable(FlorError):
    """FLOR_HOME cannot be written, so nothing can be recorded."""

    code, exit_status = "home-not-writable", 1


class RunPinned(FlorError):
    """A run that is to be removed is pinned, or checkpoints of it are."""

    code, exit_status = "run-pinned", 1


class Locked(FlorError):
    """Another process holds what this one needs; trying again later helps."""

    code, exit_status = "locked", 75


class SpoolUnreachable(FlorError):
    """A spool does not answer: the network, the address, or the disk it lies on."""

    code, exit_status = "spool-unreachable", 1


class SpoolRefused(FlorError):
    """A spool answers and does not let us in: no key, a wrong one, or one that may not."""

    code, exit_status = "spool-refused", 1


class SpoolNotFound(FlorError):
    """There is no such bucket or folder, or no such run in it."""

    code, exit_status = "spool-not-found", 3


class SpoolDamaged(FlorError):
    """A spool does not hold what was sent to it: an object is gone, or is another."""

    code, exit_status = "spool-damaged", 5
