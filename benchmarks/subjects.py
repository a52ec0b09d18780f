"""What `benchmarks/checkpoint.py` trains while it takes checkpoints: a network, its optimizer, a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from models import Gpt, Mlp, ResNet50, frozen_resnet
from torch.nn import functional


@dataclass
class Subject:
    """Something that trains.

    Attributes:
        step: one step of training, which leaves no gradients.
        steps: how many are trained beside a checkpoint.
    """

    net: torch.nn.Module
    optimizer: torch.optim.Optimizer
    step: Callable[[], None]
    steps: int

    def state(self) -> dict[str, Any]:
        """What torch.save is given."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def tensors(self) -> list[torch.Tensor]:
        """All that is in the state, each memory once."""
        found: dict[int, torch.Tensor] = {}

        def walk(item: Any) -> None:
            if isinstance(item, torch.Tensor):
                found.setdefault(item.data_ptr(), item.detach())
            elif isinstance(item, dict):
                for part in item.values():
                    walk(part)

        walk(self.state())
        return list(found.values())


def _subject(
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[], torch.Tensor],
    steps: int,
) -> Subject:
    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    return Subject(net, optimizer, step, steps)


def mlp() -> Subject:
    """5 M parameters with AdamW, 58 MB."""
    net = Mlp()
    images, labels = torch.rand(192, 64), torch.randint(0, 10, (192,))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4)
    return _subject(net, optimizer, lambda: functional.cross_entropy(net(images), labels), 20)


def _resnet(net: ResNet50, optimizer: torch.optim.Optimizer, steps: int) -> Subject:
    images, labels = torch.rand(16, 3, 32, 32), torch.randint(0, 10, (16,))
    return _subject(net, optimizer, lambda: functional.cross_entropy(net(images), labels), steps)


def resnet() -> Subject:
    """25 M parameters with momentum, 205 MB."""
    net = ResNet50()
    return _resnet(net, torch.optim.SGD(net.parameters(), 1e-3, momentum=0.9), 4)


def frozen() -> Subject:
    """25 M parameters, of which the head is trained; 90 % of the state stays as it is."""
    net = frozen_resnet().eval()
    return _resnet(net, torch.optim.AdamW(net.head.parameters(), 1e-4), 8)


def gpt() -> Subject:
    """110 M parameters with AdamW, 1.3 GB."""
    net = Gpt()
    tokens = torch.randint(0, 32768, (33,))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4)

    def loss() -> torch.Tensor:
        return functional.cross_entropy(net(tokens[None, :-1])[0], tokens[1:])

    return _subject(net, optimizer, loss, 3)


SUBJECTS = {"mlp": mlp, "resnet": resnet, "frozen": frozen, "gpt": gpt}
NEEDED_BYTES = {"gpt": 10 << 30}
