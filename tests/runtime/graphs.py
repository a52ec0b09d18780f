"""Capturing named objects and putting them back, by way of the bytes of a checkpoint file.

`difference` is written without regard to how flor takes objects apart: it walks both graphs side
by side and holds types, order, bits and identities together.
"""

from __future__ import annotations

import enum
import math
import random
import struct
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from florlib.ground.checkpoint_format import Entry, data_order, decode_header, digest, encode_header
from florlib.ground.graph import Comparison, compare_trees
from florlib.runtime.arena import make_private
from florlib.runtime.graph.captured import Captured
from florlib.runtime.graph.decode import ABSENT, Decoder
from florlib.runtime.graph.encode import Encoder

SCOPE = "frame 1 train"


def is_project(module: str) -> bool:
    """The modules beside this one count as the user's."""
    return module.startswith("tests.runtime.")


def capture(names: Mapping[str, Any]) -> Captured:
    """Take the named objects apart, with copies of what is in memory."""
    captured = Encoder(is_project).capture((SCOPE, name, value) for name, value in names.items())
    captured.alive.append(make_private(captured.blocks))
    return captured


@dataclass(frozen=True, slots=True)
class Stored:
    """A captured graph as it is read back from the bytes of a file."""

    tree: Any
    blocks: dict[str, memoryview]

    def read(self, name: str) -> memoryview:
        """One block; read-only, as a mapped file is."""
        return self.blocks[name]


def stored(captured: Captured) -> Stored:
    """Encode a capture as a checkpoint file, and read that."""
    entries = {}
    for name, block in captured.blocks.items():
        hashed = digest(block.view)
        entries[name] = Entry(block.dtype, block.shape, len(block.view), hashed, None, name)
    data = encode_header(captured.tree, entries)
    data += b"".join(captured.blocks[name].view for name in data_order(entries))
    header = decode_header(data)
    view = memoryview(data)
    return Stored(header.tree, {name: view[a:b] for name, (a, b) in header.spans.items()})


def put_back(
    captured: Captured, live: dict[str, Any], *, dead: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Restore into a dictionary of names, as a frame would be; returns that dictionary."""
    state = stored(captured)
    roots = {(SCOPE, name): value for name, value in live.items()}
    unread = frozenset((SCOPE, name) for name in dead)
    bindings = Decoder(state.tree, state.read).restore(roots, unread)
    live.update({name: value for (_, name), value in bindings.items() if value is not ABSENT})
    return live


def compared(one: Captured, other: Captured) -> Comparison:
    """Both captures, held against each other as a replay's verification does."""
    digests = [
        {name: digest(block.view) for name, block in captured.blocks.items()}
        for captured in (one, other)
    ]
    return compare_trees(
        stored(one).tree, other.tree, (digests[0], digests[1]), ignored=lambda root: False
    )


def difference(one: Any, other: Any) -> str | None:
    """Where two graphs differ in type, order, bits or sharing; None where they are the same."""
    seen: dict[int, int] = {}
    queue = deque([("it", one, other)])
    kept = []  # nothing may be freed meanwhile, or an id would mean two objects
    while queue:
        path, left, right = queue.popleft()
        if type(left) is not type(right):
            return f"{path}: {type(left).__name__} and {type(right).__name__}"
        if not isinstance(left, _VALUES):
            kept.append((left, right))
            if id(left) in seen:
                if seen[id(left)] != id(right):
                    return f"{path} is shared otherwise"
                continue
            if id(right) in seen.values():
                return f"{path} is shared otherwise"
            seen[id(left)] = id(right)
        ours, theirs = _facts(left, seen), _facts(right, None)
        if ours != theirs:
            return f"{path}: {str(ours)[:200]} and {str(theirs)[:200]}"
        mine, yours = list(_parts(left)), list(_parts(right))
        if [step for step, _ in mine] != [step for step, _ in yours]:
            return f"{path}: {[step for step, _ in mine]} and {[step for step, _ in yours]}"
        queue.extend(
            (path + step, part, item) for (step, part), (_, item) in zip(mine, yours, strict=True)
        )
    return None


_VALUES = (
    type(None), bool, int, float, complex, str, bytes, range, tuple, frozenset, slice,
    np.generic, torch.dtype, torch.device, enum.Enum,
    PurePath, types.ModuleType, types.MethodType, types.BuiltinFunctionType,
)  # fmt: skip


def _facts(value: Any, seen: Any) -> Any:
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, complex):
        return [_facts(value.real, seen), _facts(value.imag, seen)]
    if (
        isinstance(
            value, int | str | bytes | range | bytearray | torch.dtype | PurePath | torch.device
        )
        or value is None
    ):
        return value
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, torch.Tensor):
        return _tensor_facts(value)
    if isinstance(value, np.ndarray):
        content = b"" if value.dtype.hasobject else value.tobytes()
        if value.dtype.names:  # padding holds anything
            content = repr(value.tolist())
        flags = value.flags
        return value.dtype, value.shape, value.strides, flags.writeable, flags.f_contiguous, content
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return repr(value.get_state(legacy=False))
    if isinstance(value, deque):
        return value.maxlen
    if isinstance(value, types.FunctionType):
        return value.__qualname__
    if isinstance(value, types.MethodType):
        return value.__func__.__qualname__
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, enum.Enum):
        return value.name
    return None


def _tensor_facts(value: torch.Tensor) -> Any:
    if value.layout is not torch.strided:
        return value.layout, value.shape, value.requires_grad, repr(value.detach()), value.dtype
    if value.is_quantized:
        geometry = value.stride(), value.storage_offset(), value.untyped_storage().tolist()
        return value.dtype, geometry, repr(value)
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    data = bytes(plain.reshape(-1).view(torch.uint8).tolist()) if plain.numel() else b""
    geometry = (value.shape, value.stride(), value.storage_offset(), value.untyped_storage().size())
    views = value.is_conj(), value.is_neg()
    return value.dtype, geometry, views, value.requires_grad, data


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        items = OrderedDict.items(value) if isinstance(value, OrderedDict) else dict.items(value)
        for n, (key, item) in enumerate(items):
            yield f".key{n}", key
            yield f"[{n}]", item
    if isinstance(value, defaultdict):
        yield ".factory", value.default_factory
    if isinstance(value, list | tuple | deque):
        for n, item in enumerate(value):
            yield f"[{n}]", item
    if isinstance(value, slice):
        yield from ((f".{name}", getattr(value, name)) for name in ("start", "stop", "step"))
    if isinstance(value, np.ndarray) and value.dtype == object:
        yield from ((f"[{n}]", item) for n, item in enumerate(value.flat))
    if isinstance(value, torch.Tensor):
        if value.layout is torch.strided:
            yield ".storage", _Storage.of(value)
        yield ".grad", value.grad if value.is_leaf else None
    if isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    if isinstance(value, types.FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            yield f".<{name}>", cell.cell_contents
    if not isinstance(value, type | types.ModuleType | types.MethodType | enum.Enum | PurePath):
        for name, item in sorted(getattr(value, "__dict__", {}).items()):
            yield f".{name}", item
        for cls in type(value).__mro__:
            for slot in vars(cls).get("__slots__", ()):
                name = f"_{cls.__name__}{slot}" if slot.startswith("__") else slot
                if hasattr(value, name):
                    yield f".{name}", getattr(value, name)


class _Storage:
    """One for each storage, so that sharing shows as an identity."""

    known: dict[int, tuple[_Storage, Any]] = {}  # noqa: RUF012

    @classmethod
    def of(cls, tensor: torch.Tensor) -> _Storage:
        storage = tensor.untyped_storage()
        return cls.known.setdefault(storage._cdata, (cls(), storage))[0]
