"""Stands in for Ray where it is not installed: tasks are threads of the process that talks to it.

FAKE_RAY is JSON: `nodes`, (CPUs, GPUs) of each; `refuses`, why nobody can connect; `blind`, that
nodes do not see the folder; `facts`, what else they tell; `dies`, how many of the first workers are
lost; `falls`, that it cannot be imported;
`ends`, with which of the workers the whole process ends; `told`, the file that the options of workers are written to.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

ASKED: dict[str, Any] = json.loads(os.environ.get("FAKE_RAY", "{}"))
if "falls" in ASKED:
    raise ImportError("no Ray for this Python")
_started: list[str] = []


class RayError(Exception):
    """The family of Ray's errors."""


class RayTaskError(RayError):
    """What a task raised."""


class TaskCancelledError(RayError):
    """A task was cancelled."""


class WorkerCrashedError(RayError):
    """A worker was killed."""


exceptions = SimpleNamespace(
    RayError=RayError, RayTaskError=RayTaskError, TaskCancelledError=TaskCancelledError
)
cloudpickle = SimpleNamespace(register_pickle_by_value=lambda module: None)
util = SimpleNamespace(
    scheduling_strategies=SimpleNamespace(
        NodeAffinitySchedulingStrategy=lambda node_id, soft: f"on {node_id}"
    )
)


class Task(threading.Thread):
    """One task, or an object that was put."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.result: Any = None
        self.error: RayError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.function()
        except RayError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  # as Ray hands on what a task raises
            self.error = RayTaskError(str(error))


class Remote:
    """A function that can be run as a task."""

    def __init__(self, function: Any, options: dict[str, Any] | None = None) -> None:
        self._function, self._options = function, options or {}

    def options(self, **options: Any) -> Remote:
        return Remote(self._function, options)

    def remote(self, *arguments: Any) -> Task:
        name = self._function.__name__
        if name == "work":
            _started.append(name)
            if "told" in ASKED:
                with open(ASKED["told"], "a", encoding="utf-8") as file:
                    file.write(json.dumps(self._options) + "\n")
            if len(_started) == ASKED.get("ends"):
                os._exit(1)
            if len(_started) <= ASKED.get("dies", 0):
                return Task(_die)
        if name == "node_facts":
            return Task(lambda: _told(self._function(*arguments)))
        return Task(lambda: self._function(*arguments))


def _die() -> None:
    raise WorkerCrashedError("The worker died unexpectedly. See the logs.")


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    unseen = ["token"] if ASKED.get("blind") else facts["unseen"]
    return {**facts, "unseen": unseen, **ASKED.get("facts", {})}


def init(**options: Any) -> None:
    if "refuses" in ASKED:
        raise ConnectionError(ASKED["refuses"])


def shutdown() -> None:
    pass


def nodes() -> list[dict[str, Any]]:
    return [
        {
            "NodeID": f"n{number}",
            "NodeManagerHostname": f"host-{number}",
            "Alive": True,
            "Resources": {"CPU": cpus, "GPU": gpus},
        }
        for number, (cpus, gpus) in enumerate(ASKED.get("nodes", [(2.0, 1.0), (2.0, 1.0)]))
    ]


remote = Remote


def put(value: Any) -> Task:
    return Task(lambda: value)


def get(task: Task, timeout: float | None = None) -> Any:
    task.join(timeout)
    if task.error is not None:
        raise task.error
    return task.result


def wait(
    tasks: list[Task], num_returns: int = 1, timeout: float | None = None
) -> tuple[list[Task], list[Task]]:
    for task in tasks:
        task.join(timeout)
    return [one for one in tasks if not one.is_alive()], [one for one in tasks if one.is_alive()]
