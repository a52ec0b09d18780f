"""Locks, loggers and other objects that stay in the process: what scripts see of them is exact.

Each script changes one of them in its loop and reads it; the iterations before the ones asked for
are jumped over. No torch is needed for that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, STANDIN, Project, report_of

pytestmark = pytest.mark.process

FRAME = """\
import flor
{before}
turn = 0

def run():
    global turn
    total = 0
    for step in flor.loop("step", range(3)):
        turn += 1
        {body}
        # PROBE
    return total

for epoch in flor.loop("epoch", range(4)):
    run()
    print("epoch", epoch)
"""

# What comes before the loop, and a line of it.
CASES = {
    "semaphore": (
        "import threading\nfree = threading.BoundedSemaphore(50)",
        "free.acquire(); total += free._value",
    ),
    "event": (
        "import threading\nready = threading.Event()",
        "ready.set() if turn == 4 else None; total += ready.is_set()",
    ),
    "lock": (
        "import threading\nlock = threading.Lock()",
        "lock.acquire() if turn == 4 else None; total += lock.locked()",
    ),
    "timer": (
        "import threading\ntimer = threading.Timer(1000, print)",
        "timer.cancel() if turn == 4 else None; total += timer.finished.is_set()",
    ),
    "finalizer": (
        "import weakref\nclass Thing: pass\nthing = Thing()\n"
        "last = weakref.finalize(thing, str)\nlast.atexit = False",
        "last.detach() if turn == 4 else None; total += last.alive",
    ),
    "queue of asyncio": (
        "import asyncio\nasync def make():\n    return asyncio.Queue(), asyncio.Event()\n"
        "queue, ready = asyncio.run(make())",
        "queue.put_nowait(step); ready.set() if turn == 4 else None; "
        "total += queue.qsize() + ready.is_set()",
    ),
    "logger": (
        "import logging\nlog = logging.getLogger('training')",
        "log.setLevel(40) if turn == 4 else None; total += log.level + log.isEnabledFor(30)",
    ),
    "logger without a name in the script": (
        "import logging",
        "logging.getLogger('other').setLevel(40) if turn == 4 else None; "
        "logging.disable(20) if turn == 5 else None; "
        "total += logging.getLogger('other').level + logging.root.manager.disable",
    ),
    "switches of Python": (
        "import gc, sys",
        "gc.disable() if turn == 4 else None; sys.setswitchinterval(0.01) if turn == 5 else None; "
        "total += gc.isenabled() + round(sys.getswitchinterval() * 1000)",
    ),
    "progress bar": (
        "import types\nbars = types.ModuleType('tqdm.std')\n"
        "bars.tqdm = type('tqdm', (), {'n': 0, '__module__': 'tqdm.std'})\n"
        "sys = __import__('sys'); sys.modules['tqdm.std'] = bars\nbar = bars.tqdm()",
        "bar.n += 2; total += bar.n",
    ),
    "result of a pool": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
        "coming = [pool.submit(pow, 0, 2)]",
        "total += coming.pop().result(); coming.append(pool.submit(pow, turn, 2))",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_script_sees_of_it_is_what_it_saw(name: str, tmp_path: Path) -> None:
    before, body = CASES[name]
    script = FRAME.format(before=before, body=body)
    probed = script.replace("# PROBE", 'flor.log("total", total)')
    plain, project = Project(tmp_path / "plain"), Project(tmp_path / "recorded")
    plain.create({"train.py": probed})
    truth = tmp_path / "truth.jsonl"
    environment = plain.environment(STANDIN, PROBE_TRUTH=str(truth))
    assert plain.run(sys.executable, "train.py", environment=environment).status == 0
    values = [json.loads(line)[1] for line in truth.read_text("utf-8").splitlines()]
    project.create({"train.py": script})
    assert project.flor("record", *DENSE, "train.py").status == 0
    project.write({"train.py": probed})

    report = report_of(project.flor("replay", "--json", "--epochs", "2"))

    assert report is not None
    got = json.loads(project.flor("log", "get", "@", "total", "--json").stdout)
    assert ([row["value"] for row in got], report["status"]) == (values[6:9], "verified")
    executed = report["executed_iterations"]
    assert executed == (12 if name == "result of a pool" else 4)
