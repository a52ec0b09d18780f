"""Random generators: their states as plain values, and back."""

from __future__ import annotations

import ast
import random
import sys
from typing import Any


def generator_state(generator: Any) -> Any:
    """The state of a private generator, as tensors, arrays, numbers and containers of them."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(generator, numpy.random.Generator):
            return generator.bit_generator.state
        if isinstance(generator, numpy.random.BitGenerator):
            return generator.state
        if isinstance(generator, numpy.random.RandomState):
            return generator.get_state(legacy=False)
    return generator.get_state()


def set_generator_state(generator: Any, state: Any) -> None:
    """Put a state that `generator_state` gave back into a generator of the same class."""
    if isinstance(generator, random.Random):
        generator.setstate(state)
        return
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(generator, numpy.random.Generator):
            generator.bit_generator.state = state
            return
        if isinstance(generator, numpy.random.BitGenerator):
            generator.state = state
            return
    generator.set_state(state)


def bits_name(generator: Any) -> str | None:
    """The name of numpy's source of bits under a generator, "PCG64"; None for others."""
    bits = getattr(generator, "bit_generator", None) or getattr(generator, "_bit_generator", None)
    return None if bits is None else type(bits).__name__


Seeds = list[Any]
"""[entropy as text, spawn key, size of the pool, children spawned] of numpy's SeedSequence."""


def seeds_of(generator: Any) -> Seeds | None:
    """What `spawn` of a numpy generator goes by, and no state tells; None for others."""
    bits = getattr(generator, "bit_generator", generator)
    found: Any = getattr(bits, "seed_seq", None) or getattr(bits, "_seed_seq", None)
    if type(found).__name__ != "SeedSequence":
        return None
    entropy = found.entropy if isinstance(found.entropy, int) else [*map(int, found.entropy)]
    counted = [found.pool_size, found.n_children_spawned]
    return [repr(entropy), [int(key) for key in found.spawn_key], *counted]


def can_spawn_as(generator: Any, seeds: Seeds | None) -> bool:
    """Whether a generator's children are, or can be made to be those that seeds tell of."""
    now = seeds_of(generator)
    if now is None or seeds is None:
        return now is seeds
    return now[:3] == seeds[:3] and bool(now[3] <= seeds[3])


def spawn_as(generator: Any, seeds: Seeds | None) -> None:
    """Have a generator spawn from where seeds tell that it was."""
    now = seeds_of(generator)
    if now is not None and seeds is not None and now[3] < seeds[3]:
        bits = getattr(generator, "bit_generator", generator)
        (getattr(bits, "seed_seq", None) or bits._seed_seq).spawn(seeds[3] - now[3])


def _bit_generator(numpy: Any, name: str, seeds: Seeds | None) -> Any:
    if seeds is None:
        return getattr(numpy.random, name)()
    entropy, key, size, children = seeds
    sequence = numpy.random.SeedSequence(
        ast.literal_eval(entropy), spawn_key=key, pool_size=size, n_children_spawned=children
    )
    return getattr(numpy.random, name)(sequence)


def new_generator(cls: type, bits: str | None, seeds: Seeds | None) -> Any:
    """A generator of a class that torch, numpy or the standard library makes."""
    torch = sys.modules.get("torch")
    if torch is not None and issubclass(cls, torch.Generator):
        return torch.Generator()
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(cls, numpy.random.Generator | numpy.random.RandomState):
        return cls(_bit_generator(numpy, bits, seeds)) if bits else cls()
    if numpy is not None and issubclass(cls, numpy.random.BitGenerator):
        return _bit_generator(numpy, cls.__name__, seeds)
    return cls()


def global_states() -> dict[str, Any]:
    """The states of all generators that belong to the process.

    Keys: "random", "numpy", "torch", "cuda:0", … for the libraries that are loaded.
    """
    states: dict[str, Any] = {"random": random.getstate()}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        states["numpy"] = numpy.random.get_state(legacy=False)
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            for index, state in enumerate(torch.cuda.get_rng_state_all()):
                states[f"cuda:{index}"] = state
    return states


def set_global_states(states: dict[str, Any]) -> None:
    """Put back what `global_states` gave."""
    for name, state in states.items():
        if name == "random":
            random.setstate(state)
        elif name == "numpy":
            sys.modules["numpy"].random.set_state(state)
        elif name == "torch":
            sys.modules["torch"].set_rng_state(state)
        else:
            sys.modules["torch"].cuda.set_rng_state(state, name)


def frozen_state(state: Any) -> Any:
    """A generator's state as values that `==` compares: tensors and arrays become bytes."""
    if isinstance(state, dict):
        return [(name, frozen_state(part)) for name, part in state.items()]
    if isinstance(state, tuple):
        return state if all(type(part) is int for part in state) else [*map(frozen_state, state)]
    if hasattr(state, "tobytes"):
        return state.tobytes()
    return state.numpy().tobytes() if hasattr(state, "numpy") else state
