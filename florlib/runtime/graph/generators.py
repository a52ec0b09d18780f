"""Random generators: their states as plain values, and back."""

from __future__ import annotations

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


def new_generator(cls: type, bits: str | None) -> Any:
    """A generator of a class that torch, numpy or the standard library makes."""
    torch = sys.modules.get("torch")
    if torch is not None and issubclass(cls, torch.Generator):
        return torch.Generator()
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(cls, numpy.random.Generator | numpy.random.RandomState):
        return cls(getattr(numpy.random, bits)()) if bits else cls()
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
