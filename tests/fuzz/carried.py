"""What the composed scripts carry from one iteration to the next, beside nets and optimizers."""

from __future__ import annotations

from tests.fuzz.parts import Part, part

CARRIED: dict[str, Part] = {
    "history": part(
        setup="history = []", epoch_end="history.append(loss.item())", report="history[-2:]"
    ),
    "ema": part(
        imports="import copy",
        setup="ema = copy.deepcopy(net)",
        after_step="with torch.no_grad():\n    for slow, fast in zip(ema.parameters(), net.parameters()):\n        slow.lerp_(fast, 0.1)",
        report="sum(p.sum().item() for p in ema.parameters())",
    ),
    "swa": part(
        setup="swa = torch.optim.swa_utils.AveragedModel(net)",
        epoch_end="if epoch >= 1:\n    swa.update_parameters(net)",
        report="swa.n_averaged.item(), sum(p.sum().item() for p in swa.parameters())",
    ),
    "best": part(
        imports="import copy",
        setup="best, best_weights = float('inf'), None",
        epoch_end="if loss.item() < best:\n    best, best_weights = loss.item(), copy.deepcopy(net.state_dict())",
        report="best",
        after="print('best weights', None if best_weights is None else sum(v.double().sum().item() for v in best_weights.values()))",
    ),
    "best_alias": part(
        setup="lowest, lowest_weights = float('inf'), {}",
        epoch_end="if loss.item() < lowest:\n    lowest, lowest_weights = loss.item(), net.state_dict()",
        report="lowest",
        after="print('lowest weights', sum(v.double().sum().item() for v in lowest_weights.values()))",
    ),
    "rollback": part(
        imports="import copy",
        setup="good = copy.deepcopy(net.state_dict())",
        epoch_end="if epoch == 1:\n    net.load_state_dict(good)\nelse:\n    good = copy.deepcopy(net.state_dict())",
    ),
    "counter": part(
        imports="from collections import Counter",
        setup="seen = Counter()",
        after_step="seen[round(loss.item(), 1)] += 1",
        report="sorted(seen.items())[:3]",
    ),
    "deque": part(
        imports="from collections import deque",
        setup="window = deque(maxlen=3)",
        after_step="window.append(loss.item())",
        report="sum(window) / max(len(window), 1)",
    ),
    "default_dict": part(
        imports="from collections import defaultdict",
        setup="groups_seen = defaultdict(list)",
        after_step="groups_seen[len(xb)].append(loss.item())",
        report="{k: len(v) for k, v in groups_seen.items()}",
    ),
    "array": part(
        setup="table = np.zeros((6, 2))",
        after_step="table[epoch % 6] += [loss.item(), 1]",
        report="table.sum(), table[:2].tolist()",
    ),
    "record": part(
        imports="from dataclasses import dataclass, field",
        classes="""
@dataclass
class Progress:
    steps: int = 0
    losses: list = field(default_factory=list)
    best: float = 1e9
""",
        setup="progress = Progress()",
        after_step="progress.steps += 1\nprogress.losses.append(loss.item())\nprogress.best = min(progress.best, loss.item())",
        report="progress.steps, progress.best, len(progress.losses)",
    ),
    "closure": part(
        defs="""
def make_smoother(share):
    value, calls = None, 0

    def smooth(new):
        nonlocal value, calls
        calls += 1
        value = new if value is None else share * value + (1 - share) * new
        # PROBE function: flor.log("smoothed", [calls, value])
        return value

    return smooth
""",
        setup="smooth = make_smoother(0.7)",
        after_step="smoothed = smooth(loss.item())",
        report="smoothed",
    ),
    "global_counter": part(
        defs="""
tally = {"n": 0}
ticks = 0

def tick(value):
    global ticks
    ticks += 1
    tally["n"] += value > 1
    return ticks
""",
        after_step="tick(loss.item())",
        report="tick(0), tally['n']",
    ),
    "class_counter": part(
        classes="""
class Registry:
    created = 0
    entries = []

    def __init__(self, value):
        type(self).created += 1
        Registry.entries.append(value)
        self.number = Registry.created
""",
        epoch_end="entry = Registry(loss.item())",
        report="entry.number, len(Registry.entries)",
    ),
    "running_tensors": part(
        setup='running = {"mean": torch.zeros(6), "count": torch.tensor(0)}',
        after_step='running["mean"] = running["mean"] * 0.9 + xb.detach().mean(0) * 0.1\nrunning["count"] += len(xb)',
        report='running["mean"].sum().item(), running["count"].item()',
    ),
    "views": part(
        setup="pool_of = torch.zeros(4, 6)\nfirst_row, flat = pool_of[0], pool_of.view(-1)",
        after_step="first_row += xb.detach().mean(0)\nflat[6:12] += 0.5",
        report="pool_of.sum().item(), flat[:7].tolist()",
    ),
    "numpy_view": part(
        setup="bank = torch.zeros(6)\nbank_view = bank.numpy()",
        after_step="bank_view += 0.25\nbank[0] += loss.item()",
        report="bank.tolist(), float(bank_view.sum())",
    ),
    "weight_alias": part(
        setup="first_weight = next(iter(net.parameters()))\nshadow = first_weight.detach()",
        epoch_end="with torch.no_grad():\n    first_weight.mul_(0.99)",
        report="shadow.sum().item()",
    ),
    "file": part(
        0.7,
        epoch_start="if epoch > 0:\n    net.load_state_dict(torch.load('last.pt'))",
        epoch_end="torch.save(net.state_dict(), 'last.pt')",
    ),
    "log_file": part(
        0.7,
        imports="import json",
        setup="open('losses.jsonl', 'w').close()",
        epoch_end="with open('losses.jsonl', 'a') as lines:\n    lines.write(json.dumps([epoch, loss.item()]) + '\\n')",
        after="print(open('losses.jsonl').read().count('\\n'))",
    ),
    "best_file": part(
        0.7,
        setup="saved_at = None",
        epoch_end="if saved_at is None or loss.item() < 1.5:\n    torch.save({'net': net.state_dict(), 'epoch': epoch}, 'best.pt')\n    saved_at = epoch",
        after="kept = torch.load('best.pt')\nnet.load_state_dict(kept['net'])\nprint('kept', kept['epoch'], saved_at)",
    ),
    "memory": part(
        setup="memory = []",
        after_step="memory.append((xb[:1].detach().clone(), yb[:1].clone()))\nif len(memory) > 5:\n    memory.pop(random.randrange(len(memory)))",
        report="len(memory), memory[0][0].sum().item()",
    ),
    "heap": part(
        imports="import heapq",
        setup="hardest = []",
        after_step="heapq.heappush(hardest, (loss.item(), len(hardest)))\nhardest = heapq.nlargest(4, hardest)",
        report="hardest[0]",
    ),
    "set": part(
        setup="visited = set()",
        after_step="visited.add(str(len(xb)) + '-' + str(epoch))",
        report="sorted(visited)[-1], len(visited)",
    ),
    "set_order": part(
        setup="names = set()",
        after_step="names.add('n' + str(len(names) * 7))",
        report="next(iter(names))",
    ),
    "previous": part(
        setup="previous = None",
        after_step="drift = 0.0 if previous is None else (loss.item() - previous)\nprevious = loss.item()",
        report="drift, previous",
    ),
    "grad_history": part(
        setup="grads_seen = {}",
        after_step="for name, p in net.named_parameters():\n    if p.grad is not None:\n        grads_seen[name] = p.grad.clone()",
        report="sum(g.sum().item() for g in grads_seen.values())",
    ),
    "penalty": part(
        setup="anchor = [p.detach().clone() for p in net.parameters()]",
        epoch_end="anchor = [0.5 * a + 0.5 * p.detach() for a, p in zip(anchor, net.parameters())]",
        report="sum(a.norm().item() for a in anchor)",
    ),
    "namespace": part(
        imports="from types import SimpleNamespace",
        setup="bag = SimpleNamespace(steps=0, last=None, child=SimpleNamespace(total=0.0))\nbag.child.parent = bag",
        after_step="bag.steps += 1\nbag.last = loss.detach()\nbag.child.total += float(bag.last)",
        report="bag.steps, bag.child.total, bag.last.item()",
    ),
    "slots": part(
        classes="""
class Slotted:
    __slots__ = ("total", "tensors")

    def __init__(self):
        self.total, self.tensors = 0.0, []
""",
        setup="slotted = Slotted()",
        after_step="slotted.total += loss.item()\nslotted.tensors.append(loss.detach())",
        report="slotted.total, len(slotted.tensors)",
    ),
    "property": part(
        classes="""
class Averaged:
    def __init__(self):
        self._values = {}

    @property
    def mean(self):
        return sum(self._values.values()) / max(len(self._values), 1)

    def __setitem__(self, key, value):
        self._values[key] = value

    def __call__(self, value):
        self._values[len(self._values)] = value
        return self.mean
""",
        setup="averaged = Averaged()",
        after_step="averaged(loss.item())\naveraged['last'] = loss.item()",
        report="averaged.mean",
    ),
    "cached": part(
        imports="import functools",
        defs="""
@functools.lru_cache(maxsize=None)
def weight_of(turn):
    return random.random() / (1 + turn)
""",
        after_step="weight_seen = weight_of(epoch)",
        report="weight_seen",
    ),
    "arguments": part(
        imports="import argparse",
        setup="parser = argparse.ArgumentParser()\nparser.add_argument('--scale', type=float, default=0.5)\nargs = parser.parse_args()\nargs.seen = 0",
        after_step="args.seen += 1",
        report="args.scale * args.seen",
    ),
    "exec_config": part(
        setup="exec('power = 1.5\\nnames_of = {\"a\": [1]}', globals())",
        epoch_end="globals()['power'] = power * 0.9",
        report="power",
        weight=0.4,
    ),
    "named_tuple": part(
        imports="from typing import NamedTuple",
        classes="class Point(NamedTuple):\n    at: int\n    value: float\n",
        setup="points = [Point(-1, 0.0)]",
        epoch_end="points.append(points[-1]._replace(at=epoch, value=loss.item()))",
        report="points[-1]",
    ),
    "enum_stage": part(
        imports="import enum",
        classes="class Stage(enum.Enum):\n    COLD = 1\n    WARM = 2\n",
        setup="stage = Stage.COLD",
        epoch_end="stage = Stage.WARM if epoch >= 1 else stage",
        report="stage.name",
    ),
    "partial": part(
        imports="import functools",
        setup="note = functools.partial(print, 'note')\nnotes = {'fn': note, 'count': 0}",
        epoch_end="notes['count'] += 1\nnotes['fn'](notes['count'], loss.item())",
    ),
    "weakrefs": part(
        0.5,
        imports="import weakref",
        setup="watched = weakref.ref(net)\nsizes = weakref.WeakKeyDictionary()\nsizes[net] = 0",
        after_step="sizes[watched()] += len(xb)",
        report="sizes[net]",
    ),
    "frozen_set_and_bytes": part(
        setup="ring, tags = bytearray(4), frozenset()",
        after_step="ring[len(xb) % 4] = (ring[len(xb) % 4] + 1) % 256\ntags = tags | {len(xb)}",
        report="list(ring), sorted(tags)",
    ),
    "tensor_list_in_place": part(
        setup="slots_of = [torch.zeros(2) for _ in range(3)]\nslots_by_name = {'last': slots_of[-1]}",
        after_step="slots_of[epoch % 3].add_(yb[0])\nslots_by_name['last'].mul_(0.9)",
        report="[s.sum().item() for s in slots_of]",
    ),
    "kept_graph": part(
        0.5,
        setup="total_loss = 0.0",
        after_step="total_loss = total_loss + loss.detach()",
        report="float(total_loss)",
    ),
}
