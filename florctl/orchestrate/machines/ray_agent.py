"""The process that talks to Ray for a replay: a driver of an existing cluster, and nothing else.

It is a process of its own because Ray's driver prints to standard output what happens in the
cluster, takes over signals, and is ended by Ray itself where the head of the cluster goes. It ends
when the other end of its connection is closed, and Ray then ends the tasks that are left.

Messages are tuples: a word, and plain values. In: ("connect", address), ("survey", node ids,
arguments of `node_facts`), ("start", number, resources, job), ("cancel", number), ("sweep", replay).
Out: ("connected", nodes), ("refused", text), ("surveyed", facts by node id), ("ended", number,
result), ("swept", replay).
"""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any

from florctl.orchestrate.machines import parcels, ray_node
from florlib.ground.stamp import Stamp, stamp

_LOOK_S = 0.05
_SURVEY_S = 180.0
_INLINE_BYTES = 1 << 16  # a smaller chunk goes with the task itself


class Agent:
    """Does what the messages ask for.

    Args:
        ray: the module.
        talk: to flor.
    """

    def __init__(self, ray: Any, talk: Connection) -> None:
        self._ray = ray
        self._talk = talk
        self._tasks: dict[int, tuple[Any, str]] = {}  # by worker: its task, the replay's folder
        self._kept: dict[tuple[parcels.Item, Stamp | None], parcels.Entry] = {}

    def serve(self) -> None:
        """Go on until the other end is closed."""
        while True:
            if self._talk.poll(_LOOK_S):
                try:
                    word, *words = self._talk.recv()
                except (EOFError, OSError):
                    return
                getattr(self, f"_{word}")(*words)
            self._look()

    # ------------------------------------------------------------------ messages

    def _connect(self, address: str) -> None:
        ray = self._ray
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                configure_logging=False,
            )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            self._talk.send(("refused", " ".join(str(error).split())))
            return
        for module in (parcels, ray_node):
            ray.cloudpickle.register_pickle_by_value(module)
        nodes = [
            {
                "id": node["NodeID"],
                "host": node["NodeManagerHostname"],
                "cpus": node["Resources"].get("CPU", 0.0),
                "gpus": node["Resources"].get("GPU", 0.0),
            }
            for node in ray.nodes()
            if node["Alive"]
        ]
        self._talk.send(("connected", nodes))

    def _survey(self, nodes: list[str], *arguments: Any) -> None:
        tasks = {node: self._on(node, ray_node.node_facts, *arguments) for node in nodes}
        facts = {}
        for node, task in tasks.items():
            try:
                facts[node] = self._ray.get(task, timeout=_SURVEY_S)
            except self._ray.exceptions.RayError as error:
                facts[node] = {"problem": " ".join(str(error).split())}
        self._talk.send(("surveyed", facts))

    def _sweep(self, replay: str) -> None:
        nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]
        tasks = [self._on(node, ray_node.sweep, replay) for node in nodes]
        self._ray.wait(tasks, num_returns=len(tasks), timeout=_SURVEY_S)
        self._talk.send(("swept", replay))

    def _on(self, node: str, function: Any, *arguments: Any) -> Any:
        """Run a function on a node, beside whatever is busy there."""
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            node_id=node, soft=False
        )
        options = {"num_cpus": 0, "max_retries": 1, "scheduling_strategy": strategy}
        return self._ray.remote(function).options(**options).remote(*arguments)

    def _start(self, number: int, resources: dict[str, Any], job: dict[str, Any]) -> None:
        items = job.pop("items", None)
        if items is not None:
            try:
                job["entries"] = [entry for item in items for entry in self._packed(item)]
            except OSError as error:
                self._talk.send(("ended", number, {"unstarted": str(error)}))
                return
        # What a worker has told must not be told again: who does what is left when it dies is
        # decided where that is known, and not by Ray.
        options = {"max_retries": 0, "scheduling_strategy": "SPREAD", **resources}
        task = self._ray.remote(ray_node.work).options(**options).remote(job)
        self._tasks[number] = (task, job.get("replay_dir", ""))

    def _packed(self, item: parcels.Item) -> list[parcels.Entry]:
        """What is the same for all workers is put into the cluster once."""
        known = (item, None if item.is_link else stamp(item.source))
        if known not in self._kept:
            packed = parcels.pack([item], self._keep)
            if not packed:
                return []
            self._kept[known] = packed[0]
        return [self._kept[known]]

    def _keep(self, chunk: bytes) -> Any:
        return chunk if len(chunk) <= _INLINE_BYTES else self._ray.put(chunk)

    def _cancel(self, number: int) -> None:
        if number in self._tasks:
            self._ray.cancel(self._tasks[number][0])

    # ------------------------------------------------------------------ tasks

    def _look(self) -> None:
        for number, (task, folder) in list(self._tasks.items()):
            ready, _ = self._ray.wait([task], timeout=0)
            if ready:
                del self._tasks[number]
                self._talk.send(("ended", number, self._result(task, folder)))

    def _result(self, task: Any, folder: str) -> dict[str, Any]:
        errors = self._ray.exceptions
        try:
            result: dict[str, Any] = self._ray.get(task)
            back = result.pop("back", None)
            if back is not None:
                parcels.lay(folder, back, lambda chunk: chunk)
        except errors.TaskCancelledError:
            return {"cancelled": True}
        except errors.RayTaskError as error:
            return {"unstarted": f"a task failed: {str(error).strip().splitlines()[-1]}"}
        except errors.RayError as error:
            return {"lost": " ".join(str(error).split()).partition(". ")[0]}
        except OSError as error:
            return {"unstarted": f"what a worker wrote cannot be laid down here ({error})"}
        return result


def main(descriptor: int) -> None:
    """Serve the connection of this descriptor."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    talk = Connection(descriptor)  # closed as this process ends, when an error has been told
    import ray

    try:
        Agent(ray, talk).serve()
    finally:
        ray.shutdown()
