"""Networks, optimizers and schedulers come back in place, so that what points into them holds."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn, optim

from tests.runtime.graphs import capture, compared, difference, put_back


class Net(nn.Module):
    """Buffers of both kinds, a tied weight, a list of layers, and an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Dropout(0.5)])
        self.out = nn.Linear(4, 3)
        self.out.weight = nn.Parameter(self.first.weight.detach().t().contiguous())
        self.tied = self.first.weight
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[batch, 3] to float32[batch, 3]."""
        self.seen += len(x)
        self.passing = self.passing * 2
        self.kept += 1
        return self.out(self.layers[1](self.layers[0](self.norm(self.first(x)))))


OPTIMIZERS = {
    "sgd": lambda net: optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
    "adam": lambda net: optim.Adam(net.parameters(), amsgrad=True),
    "adamw with groups": lambda net: optim.AdamW(
        [{"params": net.first.parameters(), "lr": 0.2}, {"params": net.out.parameters()}]
    ),
    "lbfgs": lambda net: optim.LBFGS(net.parameters(), max_iter=2),
    "rmsprop": lambda net: optim.RMSprop(net.parameters(), centered=True),
}
SCHEDULERS = {
    "cosine": lambda opt: optim.lr_scheduler.CosineAnnealingLR(opt, 5),
    "plateau": lambda opt: optim.lr_scheduler.ReduceLROnPlateau(opt, patience=0),
    "one cycle": lambda opt: optim.lr_scheduler.OneCycleLR(opt, 0.5, total_steps=50),
    "lambda": lambda opt: optim.lr_scheduler.LambdaLR(opt, lambda step: 0.9**step),
    "chain": lambda opt: optim.lr_scheduler.SequentialLR(
        opt, [optim.lr_scheduler.ConstantLR(opt), optim.lr_scheduler.StepLR(opt, 2)], [2]
    ),
}


def training(optimizer: str, scheduler: str) -> dict[str, object]:
    torch.manual_seed(1)
    net = Net()
    opt = OPTIMIZERS[optimizer](net)
    return {"net": net, "opt": opt, "sched": SCHEDULERS[scheduler](opt)}


def step(live: dict[str, object]) -> float:
    net, opt, sched = live["net"], live["opt"], live["sched"]

    def closure() -> torch.Tensor:
        opt.zero_grad()
        loss = net(torch.randn(5, 3)).square().mean()
        loss.backward()
        return loss

    loss = opt.step(closure)
    plateau = isinstance(sched, optim.lr_scheduler.ReduceLROnPlateau)
    sched.step(loss.item()) if plateau else sched.step()
    return loss.item()


PAIRS = [(optimizer, "cosine") for optimizer in OPTIMIZERS]
PAIRS += [("sgd", scheduler) for scheduler in list(SCHEDULERS)[1:]]


@pytest.mark.parametrize(("optimizer", "scheduler"), PAIRS)
@pytest.mark.parametrize("fresh", [False, True])
def test_training_goes_on_as_it_did(optimizer, scheduler, fresh):
    live = training(optimizer, scheduler)
    for _ in range(3):
        step(live)
    captured, state = capture(live), torch.get_rng_state()
    expected = [step(live) for _ in range(3)], live["net"].state_dict()

    live = training(optimizer, scheduler) if fresh else live
    put_back(captured, live)
    torch.set_rng_state(state)
    again = [step(live) for _ in range(3)], live["net"].state_dict()

    assert difference(again[0], expected[0]) is None
    assert difference(dict(again[1]), dict(expected[1])) is None


def test_aliases_taken_before_stay_valid():
    live = training("adam", "cosine")
    step(live)
    captured = capture(live)
    net, opt = live["net"], live["opt"]
    weight, group, buffer = net.first.weight, opt.param_groups[0], net.kept
    average, groups = opt.state[weight]["exp_avg"], opt.param_groups
    data = weight.data
    step(live)

    put_back(captured, live)

    assert live["net"] is net
    assert live["opt"] is opt
    assert net.first.weight is weight
    assert net.tied is weight
    assert opt.param_groups is groups
    assert groups[0] is group
    assert net.kept is buffer
    assert opt.state[weight]["exp_avg"] is average
    assert data.data_ptr() == weight.data_ptr()
    assert live["sched"].optimizer is opt


def test_a_learning_rate_set_by_hand_comes_back():
    live = training("sgd", "cosine")
    group = live["opt"].param_groups[0]
    captured = capture(live)
    group["lr"] = 7.0
    group["extra"] = 1

    put_back(captured, live)

    assert group["lr"] == 0.1
    assert "extra" not in group


def test_buffers_modes_and_gradients_come_back():
    live = training("sgd", "cosine")
    step(live)
    net = live["net"]
    net.layers[1].eval()
    gradient = net.first.weight.grad.clone()
    captured, passing, seen = capture(live), net.passing.clone(), net.seen
    step(live)
    net.train()
    net.first.weight.requires_grad_(False)

    put_back(captured, live)

    assert (net.layers[1].training, net.norm.training) == (False, True)
    assert torch.equal(net.passing, passing)
    assert net.seen == seen
    assert torch.equal(net.first.weight.grad, gradient)
    assert net.first.weight.requires_grad
    assert "passing" not in net.state_dict()


def test_optimizer_state_that_is_not_there_yet_is_gone_again():
    live = training("adam", "cosine")
    captured = capture(live)
    step(live)

    put_back(captured, live)

    assert len(live["opt"].state) == 0
    assert live["net"].first.weight.grad is None


def test_a_module_that_was_replaced_comes_back():
    live = training("sgd", "cosine")
    captured = capture(live)
    live["net"].layers.append(nn.Linear(2, 2))
    live["net"].first = nn.Identity()

    put_back(captured, live)

    assert isinstance(live["net"].first, nn.Linear)
    assert live["net"].first.weight is live["net"].tied
    assert len(live["net"].layers) == 2
    assert live["opt"].param_groups[0]["params"][0] is live["net"].first.weight


def test_hooks_stay_attached():
    live = {"net": Net()}
    calls = []
    live["net"].first.register_forward_hook(lambda *_: calls.append(1))
    captured = capture(live)

    put_back(captured, live)
    live["net"](torch.randn(3, 3))

    assert calls == [1]


def test_a_hook_registered_since_is_gone():
    live = {"net": Net()}
    captured = capture(live)
    calls = []
    live["net"].first.register_forward_hook(lambda *_: calls.append(1))

    put_back(captured, live)
    live["net"](torch.randn(3, 3))

    assert calls == []


def test_a_network_can_be_made_anew():
    net = Net()
    captured = capture({"net": net})

    restored = put_back(captured, {})["net"]

    assert difference(dict(restored.state_dict()), dict(net.state_dict())) is None
    assert compared(captured, capture({"net": restored})).differences == ()


def test_an_optimizer_can_be_made_anew():
    weight = nn.Parameter(torch.ones(3))
    live = {"weight": weight, "opt": optim.Adam([weight])}
    weight.square().sum().backward()
    live["opt"].step()
    captured = capture(live)
    live["opt"].step()

    restored = put_back(captured, {})
    restored["opt"].step()

    assert difference(restored["weight"].data, weight.data) is None
    assert restored["opt"].param_groups[0]["params"][0] is restored["weight"]


def test_a_copy_that_is_not_there_yet_can_be_used():
    live = {"net": Net(), "best": None}
    live["best"] = copy.deepcopy(live["net"])
    captured = capture(live)

    restored = put_back(captured, {"net": Net(), "best": None})

    assert restored["best"](torch.ones(2, 3)).shape == (2, 3)


def test_an_average_of_the_weights():
    live = {"net": Net()}
    live["ema"] = copy.deepcopy(live["net"])
    live["swa"] = optim.swa_utils.AveragedModel(live["net"])
    live["best"] = {name: value.clone() for name, value in live["net"].state_dict().items()}
    live["swa"].update_parameters(live["net"])
    captured, expected = capture(live), copy.deepcopy(live)
    with torch.no_grad():
        for tensor in [*live["net"].parameters(), *live["swa"].parameters()]:
            tensor.add_(1)
    live["best"] = {}

    put_back(captured, live)

    assert compared(captured, capture(live)).differences == ()
    assert difference(live["best"], expected["best"]) is None
