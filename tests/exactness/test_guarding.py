"""Whatever added lines do to a training network, its training goes on as recorded."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, ProjectAt

pytestmark = pytest.mark.process

TRAIN = """\
import random
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

random.seed(1)
np.random.seed(1)
torch.manual_seed(1)
own = np.random.default_rng(3)
gen = torch.Generator().manual_seed(5)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
sched = torch.optim.lr_scheduler.StepLR(opt, 2)
data = TensorDataset(torch.randn(32, 4), torch.randn(32, 1))
loader = DataLoader(data, batch_size=8, shuffle=True)
history, stats = [], {"a": 1, "b": 2}
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.mse_loss(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        history.append(loss.item())
    sched.step()
    draws = (own.random(), torch.rand(1, generator=gen).item(), random.random(), np.random.rand())
    print(epoch, sum(history), draws, stats, net.training, torch.ones(1).dtype)
print("end", sum(p.sum().item() for p in net.parameters()))
"""
INNER = "        history.append(loss.item())\n"
# Each a group of its own: a line of the script stands between any two where they are put.
PROBES = {
    "evaluates": "net.eval()\nprint('P', net(x).sum().item())",
    "runs forward in train mode": "print('P', net(x).sum().item())",
    "draws": "print('P', random.random(), np.random.rand(), torch.rand(1), own.random())\n"
    "print('P', torch.rand(1, generator=gen))",
    "calls backward": "nn.functional.mse_loss(net(x), y).backward()\nprint('P')",
    "steps": "opt.zero_grad()\nopt.step()\nsched.step()\nprint('P')",
    "fills and empties": "history.append(9.0)\nstats.pop('a')\nprint('P', stats)",
    "changes the rate": "def faster(o):\n    o.param_groups[0].update(lr=5.0)\nfaster(opt)\nprint('P')",
    "fails within": "try:\n    history.append(3.0)\n    raise ValueError\nexcept ValueError:\n    print('P')",
    "switches": "torch.set_default_dtype(torch.float64)\ntorch.set_num_threads(3)\nprint('P')",
    "converts": "net.double()\nnet.requires_grad_(False)\nprint('P')",
    "iterates the loader": "print('P', sum(b[0].sum().item() for b in loader))",
    "reseeds": "torch.manual_seed(0)\nrandom.seed(0)\nnp.random.seed(0)\nprint('P')",
    "loads": "net.load_state_dict({k: v * 0 for k, v in net.state_dict().items()})\nprint('P')",
    "hooks": "hook = net[0].register_forward_hook(lambda m, i, o: print('P', o.norm().item()))\n"
    "net(x)\nhook.remove()",
}


def test_training_goes_on_as_recorded_whatever_added_lines_do(
    forked_project_at: ProjectAt, tmp_path: Path
) -> None:
    project = forked_project_at(tmp_path / "p")
    project.create({"train.py": TRAIN})
    assert project.flor("record", *DENSE, "train.py").status == 0

    anchors = [
        "        loss = nn.functional.mse_loss(net(x), y)\n",
        "        opt.zero_grad()\n",
        "        loss.backward()\n",
        "        opt.step()\n",
        INNER,
    ]
    probed, names = TRAIN, list(PROBES)
    for n, anchor in enumerate(anchors):
        # Neighbouring lines share a guard; an `if` of their own keeps them apart.
        added = [
            textwrap.indent(f"if epoch == {k}:\n{textwrap.indent(PROBES[name], '    ')}\n", " " * 8)
            for k, name in enumerate(names[n :: len(anchors)])
        ]
        probed = probed.replace(anchor, anchor + "".join(added))
    project.write({"train.py": probed})

    ran = project.flor("replay", "--json")

    report = json.loads(ran.stdout)
    assert (ran.status, report["status"]) == (0, "verified"), report
    assert report["end_states"]["identical"] == report["end_states"]["checked"] == 3
    assert report["executed"] == {"loop": 12, "epoch": 3}
    assert report["new"]["print"] >= 12
