"""The launch spec: everything a guest process is told, carried in one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

VARIABLE = "FLOR_LAUNCH"
VERSION = 1


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What `flor record` or `flor replay` tells the processes it starts.

    Attributes:
        mode: "record" or "replay".
        run: id of the run that is recorded or replayed.
        run_dir: absolute path of the run's folder below FLOR_HOME.
        project: absolute path of the folder whose Python files count as the user's own.
        budget_share: share of training time that recording may cost, 0.01 is 1 %.
        loop: "FILE:LINE" of the main loop, where the user chose one.
        recorded_project: where the project lay when the run was recorded, which a replay in a
            sandbox does not run in.
        replay_dir: absolute path of the replay's folder; its plan lies in `plan.json` there.
        checkpoint_bytes: that the run's checkpoints may take; None for any number.
        worker: its number among those of a replay whose work is divided; None for the only one.
        resumes: the name of the journal of an interrupted process that this one goes on from; None
            where a run begins.
        present_code: it executes the present sources instead of the recorded ones.
        trusted: pickled objects of the record may be loaded: it was made here, or is trusted all the
            same.
        requeue: the exit status with which it ends where it was asked to leave; None where it does
            not listen to that.
        moves: folders of the recorded run and their stand-ins, as `relocation.Relocation` has them.
    """

    mode: str
    run: str
    run_dir: str
    project: str
    budget_share: float = 0.01
    loop: str | None = None
    replay_dir: str | None = None
    recorded_project: str | None = None
    moves: tuple[tuple[str, str], ...] = ()
    checkpoint_bytes: int | None = None
    worker: int | None = None
    resumes: str | None = None
    present_code: bool = False
    trusted: bool = True
    requeue: int | None = None

    def to_environment(self) -> str:
        """The value of FLOR_LAUNCH.

        >>> spec = LaunchSpec("record", "r", "/runs/r", "/project")
        >>> LaunchSpec.from_environment({VARIABLE: spec.to_environment()}) == spec
        True
        """
        return json.dumps({"format": VERSION, **asdict(self)})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> LaunchSpec | None:
        """The spec in force, or None where the process was not started by flor."""
        text = environ.get(VARIABLE)
        if not text:
            return None
        content = json.loads(text)
        known = {field.name for field in fields(cls)}
        content["moves"] = tuple((folder, standin) for folder, standin in content.get("moves", ()))
        return cls(**{key: value for key, value in content.items() if key in known})
