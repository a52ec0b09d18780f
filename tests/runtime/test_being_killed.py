"""A recorded run that is killed in the middle is told as such, and what exists of it is replayed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner import FlorRunner

pytestmark = pytest.mark.process

SCRIPT = """\
import os, random, time

class Net:
    def __init__(self):
        self.weight, self.history = 1.0, []
    def backward(self):
        self.weight *= random.random()
        self.history.append(self.weight)

random.seed(0)
net = Net()
print(os.getpid(), flush=True)
for epoch in range(1000):
    for step in range(3):
        net.backward()
    print(epoch, net.weight, flush=True)
    time.sleep(0.1)
"""
LAST = 9  # the iteration in which the kill comes; half a second may be lost, so five of ten


@pytest.mark.parametrize("whom", ["script", "both"])
def test_what_exists_of_a_killed_run_is_replayed(flor: FlorRunner, tmp_path: Path, whom) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    words = (sys.executable, "-m", "florctl", "record", "--budget", "10000%", "train.py")
    with subprocess.Popen(
        words, cwd=tmp_path, env=dict(os.environ), stdout=subprocess.PIPE, text=True
    ) as recording:
        assert recording.stdout is not None
        pid = int(recording.stdout.readline())
        printed = [recording.stdout.readline() for _ in range(LAST + 1)]
        if whom == "both":
            recording.kill()
        os.kill(pid, signal.SIGKILL)

    (run,) = json.loads(flor("log", "list", "--json").stdout)
    probed = SCRIPT.replace("    time.sleep", "    print('seen', len(net.history))\n    time.sleep")
    (tmp_path / "train.py").write_text(probed, encoding="utf-8")
    replay = flor("replay", "--json")

    assert run["status"] == "killed"
    count = run["iterations"]
    assert LAST - 5 <= count <= LAST + 1
    assert replay.returncode == 0, replay.stderr
    answer = json.loads(replay.stdout)
    assert answer["status"] == "verified"
    assert answer["executed_iterations"] == count
    assert answer["end_states"]["checked"] == answer["end_states"]["identical"] > 0
    rows = json.loads(flor("log", "get", "@", "print", "--json").stdout)
    values = [row["value"] for row in rows if row["position"]]
    assert values[: 2 * count] == [
        line for n in range(count) for line in (printed[n].rstrip("\n"), f"seen {3 * n + 3}")
    ]
