"""What a script is made of: one alternative for each role, drawn by weight from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from tests.fuzz import loading, loops, networks, optimizing
from tests.fuzz.asking import ALL_PROBES
from tests.fuzz.carried import CARRIED
from tests.fuzz.parts import Part

# In the order in which their texts are put together.
ROLES: Mapping[str, Mapping[str, Part]] = {
    "network": networks.NETWORKS,
    "optimizer": optimizing.OPTIMIZERS,
    "step": optimizing.STEPS,
    "loss": networks.LOSSES,
    "scheduler": optimizing.SCHEDULERS,
    "loader": loading.LOADERS,
    "augmentation": loading.AUGMENTATIONS,
    "inner": loops.INNER_LOOPS,
    "outer": loops.OUTER_LOOPS,
    "evaluation": loops.EVALUATIONS,
    "carried": CARRIED,
}
SHAPES = {"module": 3.0, "main": 3.0, "class": 2.0, "generator": 1.0, "returning": 0.5}
FUNCTIONS = ("step", "inner", "evaluation", "closing")
# Schedulers refuse parameter groups that come after them.
_FREE_RATES = ("none", "alias", "warm_up")
BUDGETS = {"10000%": 6.0, "1%": 1.0, "0.01%": 1.0}


@dataclass(frozen=True, slots=True)
class Spec:
    """A script, its probes and how it is recorded; the defaults are the plainest.

    Attributes:
        functions: blocks that become functions.
        passing: how these get at names: as arguments, or from the scope around them.
        chatty: whether every step prints.
        wrapped: whether the report's loss is wrapped in a log by a probe.
    """

    seed: int = 0
    shape: str = "module"
    functions: tuple[str, ...] = ()
    passing: str = "arguments"
    network: str = "linear"
    optimizer: str = "sgd"
    step: str = "plain"
    loss: str = "mse"
    scheduler: str = "none"
    loader: str = "slices"
    augmentation: str = "none"
    inner: str = "for"
    outer: str = "range"
    evaluation: str = "none"
    carried: tuple[str, ...] = ()
    probes: tuple[str, ...] = ("weights", "inner_loss")
    chatty: bool = False
    wrapped: bool = False
    budget: str = "10000%"

    def parts(self) -> Iterator[tuple[str, str]]:
        """Role and alternative of every part."""
        for role in ROLES:
            chosen = getattr(self, role)
            for name in chosen if isinstance(chosen, tuple) else (chosen,):
                yield role, name

    def features(self) -> list[str]:
        """What is not the plainest, as words for counting."""
        plain = Spec()
        found = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "seed":
                continue
            if isinstance(value, tuple):
                found += [f"{field.name}:{item}" for item in value]
            elif value != getattr(plain, field.name):
                found.append(f"{field.name}:{value}")
        return found

    def simpler(self) -> Iterator[Spec]:
        """Specs with less: with half of what is not plain, a quarter, …, and all but one thing."""
        things = self._things()
        size = len(things)
        while size > 1:
            size = (size + 1) // 2
            for first in range(0, len(things), size):
                yield self._less(things[first : first + size])

    def _things(self) -> list[tuple[str, str]]:
        plain, found = Spec(), []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "seed" or value == getattr(plain, field.name):
                continue
            found += [(field.name, item) for item in value] if isinstance(value, tuple) else []
            found += [] if isinstance(value, tuple) else [(field.name, "")]
        return found

    def _less(self, things: list[tuple[str, str]]) -> Spec:
        changes: dict[str, object] = {}
        for name, item in things:
            value = changes.get(name, getattr(self, name))
            left = tuple(one for one in value if one != item) if item else getattr(Spec(), name)
            changes[name] = left
        return replace(self, **changes)  # type: ignore[arg-type]


def drawn(seed: int) -> Spec:
    """The spec of a seed: the same on every machine."""
    dice = random.Random(seed)
    chosen: dict[str, object] = {}
    for role, alternatives in ROLES.items():
        if role != "carried":
            chosen[role] = _one(dice, {name: part.weight for name, part in alternatives.items()})
    count = dice.choices((0, 1, 2, 3), (2, 3, 3, 1))[0]
    probes = dice.sample(ALL_PROBES, dice.randint(2, 6))
    if chosen["optimizer"] == "late_group" and chosen["scheduler"] not in _FREE_RATES:
        chosen["scheduler"] = "alias"
    return Spec(
        seed=dice.randrange(1000),
        shape=_one(dice, SHAPES),
        functions=tuple(name for name in FUNCTIONS if dice.random() < 0.3),
        passing=dice.choice(("arguments", "outer")),
        carried=tuple(sorted(_some(dice, count))),
        probes=tuple(sorted(probes)),
        chatty=dice.random() < 0.3,
        wrapped=dice.random() < 0.15,
        budget=_one(dice, BUDGETS),
        **chosen,  # type: ignore[arg-type]
    )


def _one(dice: random.Random, weights: Mapping[str, float]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def _some(dice: random.Random, count: int) -> set[str]:
    return {_one(dice, {name: part.weight for name, part in CARRIED.items()}) for _ in range(count)}
