"""State in places where one does not look for it: what scripts see of it is exact.

Each script changes one of them in its loop and reads it; the iterations before the ones asked for
are jumped over. No torch is needed for that.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exactness.comparing import compare_part
from tests.exactness.harness import ProjectAt

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
    "errors with causes": (
        "errors = []\ndef fails(n):\n    try:\n        open(f'/nowhere/{n}')\n"
        "    except OSError as error:\n        raise ValueError(n) from error\n"
        "def catch(n):\n    try:\n        fails(n)\n"
        "    except ValueError as error:\n        errors.append(error)",
        "catch(turn); total += errors[0].__cause__.errno + errors[-1].__suppress_context__; "
        "total += len(errors[0].__context__.filename)",
    ),
    "functions by the type, and views of dictionaries": (
        "import functools, types\n@functools.singledispatch\ndef size(item):\n    return 1\n"
        "size.calls = 0\n@size.register\ndef _(item: list):\n    size.calls += 1\n"
        "    return len(item)\nkept = {}\nshown = types.MappingProxyType(kept)",
        "kept[turn] = size([1] * step) + size(step); total += len(shown) + shown[turn] + size.calls;"
        " total += len(size.registry)",
    ),
    "objects as keys that hash by what they hold": (
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Place:\n    at: int\n"
        "places, seen, last = {}, set(), []",
        "last.append(Place(turn % 5)); places[last[-1]] = turn; seen.add((last[-1], step)); "
        "total += places[last[0]] + len(places) + len(seen)",
    ),
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
    "semaphores of multiprocessing": (
        "import multiprocessing\nfree = multiprocessing.Semaphore(50)\n"
        "ready = multiprocessing.Event()",
        "free.acquire(); ready.set() if turn == 4 else None; "
        "total += free._semlock._get_value() + ready.is_set()",
    ),
    "class that is printed to": (
        "import sys\nclass Tee:\n    lines = 0\n    def __init__(self, to): self.to = to\n"
        "    def write(self, text):\n        self.lines += 1\n        return self.to.write(text)\n"
        "    def flush(self): self.to.flush()\nsys.stdout = Tee(sys.stdout)",
        "print('x'); total += sys.stdout.lines",
    ),
    "handler of a logger": (
        "import logging\nclass Seen(logging.Handler):\n    count = 0\n"
        "    def emit(self, record):\n        self.count += 1\n"
        "log = logging.getLogger('training')\nlog.addHandler(Seen()); log.total = 0",
        "log.warning('x'); log.total += step; total += log.handlers[0].count + log.total",
    ),
    "adapter of a logger": (
        "import logging\nlog = logging.LoggerAdapter(logging.getLogger('x'), {'step': 0})",
        "log.extra['step'] += 1; total += log.extra['step']",
    ),
    "class in a class": (
        "class Config:\n    class optim:\n        steps = 0\n        seen = []",
        "Config.optim.steps += 1; Config.optim.seen.append(step); "
        "total += Config.optim.steps + len(Config.optim.seen)",
    ),
    "values of a class": (
        "import array, decimal\nclass Config:\n    share = decimal.Decimal(1)\n"
        "    seen = array.array('d')\n    add = [].append",
        "Config.share += 1; Config.seen.append(1); total += int(Config.share) + len(Config.seen)",
    ),
    "member of an enumeration": (
        "import enum\nclass Phase(enum.Enum):\n    WARM = 1\n    MAIN = 2\n"
        "Phase.WARM.hits, Phase.MAIN.seen = 0, []",
        "Phase.WARM.hits += 1; Phase.MAIN.seen.append(1); "
        "total += Phase.WARM.hits + len(Phase.MAIN.seen)",
    ),
    "attribute of a partial": (
        "import functools\nadd = functools.partial(int, 5); add.calls = 0",
        "add.calls += 1; total += add.calls",
    ),
    "default in a tuple": (
        "def count(value, memo=([], 3)):\n    memo[0].append(value)\n    return len(memo[0])",
        "total += count(step)",
    ),
    "weak reference": (
        "import weakref\nclass Net: pass\nnets = [Net() for _ in range(20)]\n"
        "for n, net in enumerate(nets):\n    net.number = n\n"
        "class Best: pass\nbest = Best(); best.ref = weakref.ref(nets[0])",
        "best.ref = weakref.ref(nets[turn]) if turn % 3 == 1 else best.ref; "
        "total += best.ref().number",
    ),
    "dictionary with attributes for items": (
        "class Config(dict):\n    __getattr__ = dict.__getitem__\n"
        "    __setattr__ = dict.__setitem__\nconfig = Config(best=9.0, inner=Config(lr=1.0))",
        "config.best = min(config.best, turn); config.inner.lr *= 0.5; "
        "total += config.best + config.inner.lr",
    ),
    "slots of a dictionary": (
        "import collections\nclass Table(dict):\n    __slots__ = ('hits',)\n"
        "class Last(collections.deque):\n    __slots__ = ('hits',)\n"
        "table, last = Table(), Last(maxlen=3)\ntable.hits = last.hits = 0",
        "table.hits += 1; last.hits += 2; table[turn] = 1; last.append(turn); "
        "total += table.hits + last.hits + len(table) + sum(last)",
    ),
    "attributes of a text in memory": (
        "import io, weakref\nclass Text(io.StringIO):\n    lines = 0\n"
        "class Net: pass\nclass Known(weakref.WeakValueDictionary):\n    hits = 0\n"
        "net, text, known = Net(), Text(), Known()",
        "text.write('x'); text.lines += 1; known.hits += 1; known[turn] = net; "
        "total += text.tell() + text.lines + known.hits + len(known)",
    ),
    "masked array": (
        "import numpy\nseen = numpy.ma.masked_all(12)",
        "seen[turn - 1] = turn; total += float(seen.sum()) + int(seen.count())",
    ),
    "array of a class": (
        "import numpy\nclass Seen(numpy.ndarray):\n    hits = 0\nseen = numpy.zeros(3).view(Seen)",
        "seen.hits += 1; seen[step] += 1; total += seen.hits + float(seen.sum())",
    ),
    "place in a file that is written": (
        "file = open('log.txt', 'w')",
        "file.write('x'); total += file.tell()",
    ),
    "size of a file that is added to": (
        "import os",
        "open('log.txt', 'a').write('x'); total += os.path.getsize('log.txt')",
    ),
    "file that another process writes": (
        "import subprocess\nopen('count.txt', 'w').write('0')",
        "subprocess.run(['sh', '-c', 'n=$(cat count.txt); echo $((n + 1)) > count.txt']); "
        "total += int(open('count.txt').read())",
    ),
    "cached method": (
        "import functools\nclass Net:\n    @functools.lru_cache\n    def part(self, n):\n"
        "        return []\nnet = Net()",
        "net.part(0).append(1); total += len(net.part(0))",
    ),
    "file that is there, or not": (
        "import os",
        "open('flag', 'w').close() if turn == 4 else None; total += os.path.exists('flag')",
    ),
    "end of an object": (
        "ended = [0]\nclass Part:\n    def __del__(self): ended[0] += 1\nparts = []",
        "parts.append(Part()); parts.pop(0) if len(parts) > 2 else None; part = Part(); "
        "total += ended[0]",
    ),
    "file of safetensors": (
        "import torch\nfrom safetensors.torch import load_file, save_file\n"
        "save_file({'n': torch.zeros(1)}, 'n.safetensors')",
        "n = load_file('n.safetensors')['n'] + 1; save_file({'n': n}, 'n.safetensors'); "
        "total += int(n)",
    ),
    "file of dbm": (
        "import shelve\nshelve.open('steps').close()",
        "steps = shelve.open('steps'); steps[str(turn)] = 1; total += len(steps); steps.close()",
    ),
    "cached function of a library": (
        "import functools\ntake = functools.lru_cache(None)(bytearray)",
        "part = take(3); part[0] += 1; total += part[0]",
    ),
    "classes and modules of libraries": (
        "import json, string, sys\nfrom mimetypes import MimeTypes as Types\nEncoder = json.JSONEncoder\n"
        "Encoder.calls = Types.calls = json.seen = 0\nsys.modules['string'].kept = []\n"
        "class Conf: pass\njson.conf = Conf(); json.conf.n = 0",
        "Encoder.calls += 1; Types.calls += 1; setattr(json, 'seen', json.seen + 1); "
        "string.kept.append(step); string.made = getattr(string, 'made', 0) + 1; json.conf.n += 2; "
        "total += Encoder.calls + Types.calls + json.seen + len(string.kept) + string.made + json.conf.n",
    ),
    "function in the place of a library's": (
        "import string\ncalls = [0]\ndef words(text):\n    calls[0] += 1\n    return text",
        "string.capwords = words if turn == 4 else string.capwords; string.capwords('a'); "
        "total += calls[0]",
    ),
    "functions and names of a class": (
        "class Config:\n    add = [].append\n    __calls__ = 0",
        "Config.add(step); Config.__calls__ += 1; total += len(Config.add.__self__) + Config.__calls__",
    ),
    "handler of a signal": (
        "import signal\ndef stop(*a): pass",
        "signal.signal(signal.SIGUSR1, stop) if turn == 4 else None; "
        "total += signal.getsignal(signal.SIGUSR1) is stop",
    ),
    "where code is found": (
        "import sys\nbase = len(sys.path)",
        "sys.path.append('/x') if turn == 4 else None; total += len(sys.path) - base + ('/x' in sys.path)",
    ),
    "bars of rich": (
        "from rich.progress import Progress\nbars = Progress(disable=True)\nbar = bars.add_task('x')",
        "bars.update(bar, advance=2, total=turn); total += bars.tasks[0].completed + bars.tasks[0].total",
    ),
    "values of classes of the script": (
        "class Count(int): pass\nclass Failed(Exception): pass\nvalues = [Count(0), Failed(0)]\n"
        "values[0].note = 0",
        "old = values[0]; values[0] = Count(old + 1); values[0].note = old.note + 2; "
        "values[1] = Failed(turn); total += old.note + old + isinstance(old, Count) + "
        "isinstance(values[1], Failed) + values[1].args[0]",
    ),
    "element of records": (
        "import numpy\nrows = numpy.zeros(3, dtype=[('a', 'i4'), ('b', 'f8')])\nlast = rows[0]",
        "last['a'] += turn; total += int(last['a']) + int(rows['a'].sum())",
    ),
    "weak set": (
        "import weakref\nclass Net: pass\nnets = [Net() for _ in range(20)]\nseen = weakref.WeakSet()",
        "seen.add(nets[turn]); total += len(seen)",
    ),
    "attributes that a script puts on objects of libraries": (
        "import argparse, logging, threading\nready, form = threading.Condition(), logging.Formatter()\n"
        "options = argparse.ArgumentParser()\nready.hits, form.seen, options.count = 0, [], 0",
        "ready.hits += 1; form.seen.append(step); options.count += 2; "
        "total += ready.hits + len(form.seen) + options.count",
    ),
    "children of a generator": (
        "import numpy\nfirst = numpy.random.default_rng(5)\nseeds = numpy.random.SeedSequence(7)",
        "seeds.spawn(2); total += int(first.spawn(1)[0].integers(1000)) + seeds.n_children_spawned",
    ),
    "hook of the interpreter": (
        "import sys\ndef hook(*a): pass",
        "sys.excepthook = hook if turn == 4 else sys.excepthook; total += sys.excepthook is hook",
    ),
    "records of a logger": (
        "import logging.handlers\nkept = logging.handlers.MemoryHandler(100)\n"
        "log = logging.getLogger('kept'); log.addHandler(kept)",
        "log.warning('x'); total += len(kept.buffer)",
    ),
    "shared memory": (
        "import atexit\nfrom multiprocessing import shared_memory\n"
        "part = shared_memory.SharedMemory(create=True, size=8); part.buf[0] = 0\n"
        "atexit.register(part.unlink)",
        "part.buf[0] += 1; total += part.buf[0]",
    ),
    "switches of torch": (
        "import torch\ntiny = torch.tensor([1e-40])\nhalf = torch.autocast('cpu', torch.bfloat16)",
        "half.__enter__() if turn == 3 else None; "
        "torch.set_float32_matmul_precision('medium') if turn == 4 else None; "
        "torch.autograd.set_detect_anomaly(True) if turn == 5 else None; "
        "torch.set_warn_always(True) if turn == 5 else None; "
        "torch.set_flush_denormal(True) if turn == 6 else None; "
        "total += torch.is_autocast_enabled('cpu') + len(torch.get_float32_matmul_precision()) + "
        "torch.is_anomaly_enabled() + torch.is_warn_always_enabled() + bool((tiny * 1.0) != 0)",
    ),
    "name that is deleted": (
        "flag = other = 1",
        "globals().pop('flag', None) if turn == 4 else None; "
        "total += ('flag' in globals()) + other",
    ),
    "make of a function": (
        "def size(part=1): return part\ndef other(part=1): return 7",
        "size.__code__ = other.__code__ if turn == 4 else size.__code__; total += size()",
    ),
    "result of a pool": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
        "coming = [pool.submit(pow, 0, 2)]",
        "total += coming.pop().result(); coming.append(pool.submit(pow, turn, 2))",
    ),
}

# What cannot be restored is named, and executed.
FROM_THE_START = {
    "cached function of a library",
    "cached method",
    "element of records",
    "end of an object",
    "file of dbm",
    "file of safetensors",
    "file that another process writes",
    "place in a file that is written",
    "make of a function",
    "records of a logger",
    "result of a pool",
    "shared memory",
    "size of a file that is added to",
    "weak set",
}
# Nested loops that wrote no file are skipped.
EXECUTED = {"file that is there, or not": 9}


@pytest.mark.parametrize("name", CASES)
def test_what_a_script_sees_of_it_is_what_it_saw(
    project_at: ProjectAt, name: str, tmp_path: Path
) -> None:
    before, body = CASES[name]
    script = FRAME.format(before=before, body=body)

    report = compare_part(
        project_at, tmp_path, script, 'flor.log("total", total)', "2", slice(6, 9)
    )

    usual = 12 if name in FROM_THE_START else 4
    assert report["executed_iterations"] == EXECUTED.get(name, usual)
