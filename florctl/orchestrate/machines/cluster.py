"""The machines of a Ray cluster that exists: workers are its tasks, and Ray chooses where they run.

What talks to Ray is a process of its own (`ray_connection.py`, `ray_agent.py`).
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florctl.orchestrate.devices import Devices
from florctl.orchestrate.launch import Children, Ended
from florctl.orchestrate.machines import ray_node
from florctl.orchestrate.machines.machines import Child, Order
from florctl.orchestrate.machines.ray_connection import LOOK, ROOT, RayConnection, connection
from florctl.orchestrate.machines.shipment import (
    LEFT,
    claim_items,
    run_items,
    sandbox_contents,
    size_of,
)
from florctl.orchestrate.planning.preparation import Prepared
from florlib.ground.errors import EnvironmentDiffers, NoCluster, UsageError
from florlib.ground.launch import VARIABLE
from florlib.ground.layout import ReplayLayout
from florlib.ground.pieces import pieces
from florlib.ground.stamp import stamp

_ANSWER_S = 240.0  # a node of a busy cluster takes its time to start a first task
_END_S = 60.0
_KILL, _INTERRUPT = 9, 2
_COMPARED = ("python", "torch", "numpy")
_INSTALL = "pip install 'florctl[ray]'"


@dataclass(slots=True)
class Cluster:
    """The machines of a Ray cluster, while the connection to it lasts.

    Attributes:
        nodes: id, host, cpus and gpus of each node that is alive.
    """

    connection: RayConnection
    nodes: list[dict[str, Any]]
    shares_folder: bool = True
    _resources: dict[str, float] = field(default_factory=dict)
    _gpus: float = 0.0  # a worker's
    _started: int = 0  # tasks, of all replays that the connection serves
    _prepared: Prepared | None = None
    _expected: dict[str, Any] = field(default_factory=dict)
    _sent: str | None = None  # id of a replay of which something was sent

    def devices(self, gpus: str | None, workers: int | None) -> Devices:
        """So many workers; Ray says which device each is on.

        Raises:
            UsageError: the cluster has no such devices.
        """
        if gpus is None:
            return Devices((None,) * (workers or 1))
        there = int(sum(node["gpus"] for node in self.nodes))
        if gpus.strip() != "auto" and not gpus.strip().isdecimal():
            raise UsageError(
                f"devices of a cluster have no names: {gpus!r}",
                hint=f"flor replay --on ray --gpus {max(there, 1)}",
            )
        asked = there if gpus.strip() == "auto" else int(gpus)
        if not there:
            raise UsageError(
                "the cluster has no GPUs", hint=f"flor replay --on ray --workers {workers or 2}"
            )
        if not 0 < asked <= there:
            raise UsageError(
                f"{asked} GPUs were asked for, and the cluster has {there}",
                hint=f"flor replay --on ray --gpus {there}",
            )
        count = workers or asked
        self._gpus = 1.0 / math.ceil(count / asked)
        return Devices((None,) * count)

    def begin(self, prepared: Prepared, layout: ReplayLayout) -> None:
        """See whether the nodes fit the run, and whether they see its folder.

        Raises:
            NoCluster: no node can run a worker, or one does not answer.
            EnvironmentDiffers: a node has another flor, or other versions than the record.
        """
        self._prepared = prepared
        self._resources = self._resources_for(prepared)
        self._expected = {"flor": ray_node.interpreter_facts(sys.executable, ROOT)["flor"]}
        if not prepared.request.force:
            self._expected |= _versions(prepared.content["environment"])
        nodes = [node for node in self.nodes if self._can_run(node)]
        token = layout.folder / "token"
        token.write_text(layout.replay, encoding="utf-8")
        seen = [token, prepared.request.layout.run_file]
        project = Path(prepared.content["project"])
        seen += [project / path for process in prepared.processes for path in process.sources]
        known = {str(path): list(found) for path in seen if (found := stamp(path)) is not None}
        try:
            ids = [node["id"] for node in nodes]
            self.connection.send("survey", ids, self._recorded, ROOT, known)
            facts = self.connection.answer("surveyed", _ANSWER_S)
        finally:
            token.unlink()
        self._judge({node["id"]: node["host"] for node in nodes}, facts)
        self.shares_folder = not any(fact["unseen"] for fact in facts.values())

    def start(self, order: Order, group: Children) -> Child:
        """Have Ray start a worker as soon as there is room for it."""
        assert self._prepared is not None
        run = self._prepared.request.layout
        contents = sandbox_contents(order.place.sandboxes, run, sends=not self.shares_folder)
        job: dict[str, Any] = {
            "command": list(order.command),
            "environ": dict(order.environ),
            "cwd": str(order.cwd),
            "output": str(order.layout.output),
            "recorded": self._recorded,
            "root": ROOT,
            "expected": self._expected,
            "needed": contents.needed,
        }
        if self.shares_folder:
            job["needed"] |= contents.linked | {str(run.run_file): size_of(run.run_file)}
        else:
            self._sent = order.layout.replay
            items = run_items(self._prepared, order.layout, self._own(order))
            items += claim_items(run, order.layout, order.others)
            job["items"] = [*items, *contents.items]
            job["run_dir"], job["replay_dir"] = str(run.folder), str(order.layout.folder)
            launch = json.loads(order.environ[VARIABLE])
            launch["recorded_project"] = str(run.folder / LEFT)
            job["environ"][VARIABLE] = json.dumps(launch)
        self._started += 1
        self.connection.send("start", self._started, self._resources, job)
        return _Task(self.connection, self._started)

    def sweep(self) -> None:
        """Remove from the nodes what killed workers left there."""
        if self._sent is not None:
            self.connection.send("sweep", self._sent)
            self.connection.answer("swept", _ANSWER_S)

    @property
    def _recorded(self) -> str:
        assert self._prepared is not None
        return str(self._prepared.content["environment"].get("executable", sys.executable))

    def _own(self, order: Order) -> list[Any] | None:
        assert self._prepared is not None
        plan = self._prepared.planned.plan
        if plan.parts is None:
            return None
        mains = max(len(process.mains) for process in self._prepared.processes)
        return [piece for piece in pieces(plan, mains) if piece.name not in order.others]

    def _resources_for(self, prepared: Prepared) -> dict[str, float]:
        """What a worker takes of its node: one GPU, or the processors that its threads keep busy."""
        if self._gpus:
            return {"num_gpus": self._gpus, "num_cpus": 0}
        environment = prepared.content["environment"]
        threads = environment.get("variables", {}).get("OMP_NUM_THREADS")
        wanted = int(threads) if str(threads).isdecimal() else environment.get("cores") or 1
        most = max((node["cpus"] for node in self.nodes), default=0.0)
        if most < 1:
            raise NoCluster("no node of the cluster has a processor to spare", hint=LOOK)
        return {"num_cpus": max(1.0, min(float(wanted), most))}

    def _can_run(self, node: Mapping[str, Any]) -> bool:
        """Whether Ray may place a worker on a node."""
        if self._gpus:
            return bool(node["gpus"] >= self._gpus)
        return bool(node["cpus"] >= self._resources["num_cpus"])

    def _judge(self, hosts: Mapping[str, str], facts: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse nodes on which the script would not be what was recorded; name those, with force."""
        assert self._prepared is not None
        request, warnings = self._prepared.request, self._prepared.warnings
        expected = {**self._expected, **_versions(self._prepared.content["environment"])}
        for node, fact in facts.items():
            if "problem" in fact:
                raise NoCluster(f"node {hosts[node]} does not answer: {fact['problem']}", hint=LOOK)
            differs = ray_node.difference(fact, expected)
            if differs is None:
                continue
            if fact["flor"] != expected["flor"]:
                raise EnvironmentDiffers(f"node {hosts[node]} {differs}", hint=_INSTALL)
            if not request.force:
                hint = f"flor replay {request.layout.run} --on ray --force"
                raise EnvironmentDiffers(f"node {hosts[node]} {differs}", hint=hint)
            told = {"code": EnvironmentDiffers.code, "text": f"node {hosts[node]} {differs}"}
            if told not in warnings:
                warnings.append(told)


def _versions(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Of the run's environment, what a node has to have."""
    return {name: recorded[name] for name in _COMPARED if name in recorded}


@dataclass(slots=True)
class _Task:
    """A worker that is a task of Ray's."""

    connection: RayConnection
    number: int
    _is_cancelled: bool = False

    def poll(self) -> Ended | None:
        self.connection.look()
        result = self.connection.ended.get(self.number)
        if result is None:
            lost = "was lost with the connection to the cluster"
            return Ended(None, _KILL, lost) if self.connection.gone else None
        if "unstarted" in result:
            raise NoCluster(result["unstarted"], hint="flor replay --workers 2")
        if "lost" in result:
            return Ended(None, _KILL, f"was lost with its Ray worker ({result['lost']})")
        if "cancelled" in result:
            return Ended(None, _INTERRUPT)
        return Ended.of(result["code"])

    def interrupt(self) -> None:
        if not self._is_cancelled:
            self._is_cancelled = True
            with suppress(NoCluster):
                self.connection.send("cancel", self.number)

    def end(self) -> Ended:
        self.interrupt()
        until_s = time.monotonic() + _END_S
        with suppress(NoCluster):
            while time.monotonic() < until_s:
                self.connection.look(1.0)
                if (ended := self.poll()) is not None:
                    return ended
        return Ended(None, _KILL)  # as Ray does to it when the connection goes


@contextmanager
def cluster(environ: Mapping[str, str]) -> Iterator[Cluster]:
    """The cluster that there is, while the connection to it lasts.

    Raises:
        UsageError: Ray is not installed.
        NoCluster: there is none.
    """
    with connection(environ) as (made, nodes):
        machines = Cluster(made, nodes)
        try:
            yield machines
        finally:
            with suppress(NoCluster):  # what lies on a node that is gone is gone for us
                machines.sweep()
