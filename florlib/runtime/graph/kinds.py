"""Which way an object is taken apart, decided once for each class."""

from __future__ import annotations

import collections
import copyreg
import enum
import functools
import io
import random
import sys
import types
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

from florlib.runtime.graph.channels import is_channel
from florlib.runtime.graph.holders import holds

# Objects of these packages report or coordinate; they hold the clock, locks and sockets, and
# nothing that training reads. They stay as they are in the live process.
BYSTANDERS = frozenset(
    {
        "_thread",
        "asyncio",
        "comet_ml",
        "concurrent",
        "contextvars",
        "flor",
        "florlib",
        "http",
        "httpx",
        "logging",
        "matplotlib",
        "mlflow",
        "multiprocessing",
        "neptune",
        "requests",
        "rich",
        "tensorboard",
        "tensorboardX",
        "threading",
        "tqdm",
        "urllib3",
        "wandb",
        "weakref",
    }
)
# Of their modules these are plain Python objects, such as a queue of asyncio.
_PLAIN_MODULES = frozenset({"asyncio.locks", "asyncio.queues", "florlib.runtime.histograms"})
_BYSTANDER_MODULES = (
    "torch._C._distributed_c10d",  # groups, reducers and their loggers: made by the script again
    "torch.distributed.distributed_c10d",
    "torch.autograd",
    "torch.multiprocessing",
    "torch.utils.tensorboard",
)

_OF_PROCESSES = frozenset(
    f"multiprocessing.{name}" for name in ("pool", "process", "shared_memory")
)
_CONTAINERS: dict[type, str] = {
    dict: "dict",
    collections.OrderedDict: "dict",
    collections.defaultdict: "dict",
    collections.Counter: "dict",
    list: "list",
    set: "set",
    collections.deque: "deque",
    bytearray: "bytearray",
}
_CONTAINER_BASES = (
    (dict, "dict"),
    (list, "list"),
    (set, "set"),
    (collections.deque, "deque"),
    (bytearray, "bytearray"),
)
_REFERENCES = (
    types.BuiltinFunctionType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    staticmethod,
    classmethod,
    property,
)
_known: dict[type, str] = {}


def kind_of(value: Any) -> str:
    """The name of the way in which `value` is taken apart.

    One of: leaf, tuple, frozenset, slice, dict, list, set, deque, bytearray, tensor, array,
    generator, class, function, method, partial, reference, module, iterator, file, object,
    holder, weak, proxy, cache, processes, channel, bystander, workers, opaque.
    """
    cls = type(value)
    kind = _known.get(cls)
    if kind is None:
        kind = _classify(cls)
        _known[cls] = kind
    return kind


def _classify(cls: type) -> str:
    if cls in _CONTAINERS:
        return _CONTAINERS[cls]
    return _classify_builtin(cls) or _classify_library(cls) or _classify_instance(cls)


def _classify_builtin(cls: type) -> str | None:
    if cls in (type(None), bool, int, float, complex, str, bytes, range):
        return "leaf"
    if issubclass(cls, enum.Enum) or cls in (type(Ellipsis), type(NotImplemented)):
        return "leaf"
    if issubclass(cls, types.ModuleType):
        return "module"
    if issubclass(cls, type):
        return "class"
    if cls is types.FunctionType:
        return "function"
    if cls is types.MethodType:
        return "method"
    if issubclass(cls, _REFERENCES):
        return "reference"
    if cls is slice:
        return "slice"
    if cls is types.MappingProxyType:
        return "proxy"
    if cls is weakref.ref or issubclass(cls, weakref.WeakSet):
        return "weak"
    if cls is frozenset:
        return "frozenset"
    if holds(cls):
        return "holder"
    if issubclass(cls, io.IOBase):
        return "file"
    if cls is functools._lru_cache_wrapper:
        return "cache"
    if cls.__module__ in _OF_PROCESSES:
        return "processes"
    return "channel" if is_channel(cls) else None


def _classify_library(cls: type) -> str | None:
    torch = sys.modules.get("torch")
    if torch is not None:
        if issubclass(cls, torch.Tensor):
            return "tensor"
        if issubclass(cls, torch.Generator):
            return "generator"
        if cls in (torch.dtype, torch.device, torch.layout, torch.memory_format):
            return "leaf"
        if cls.__module__ == "torch.utils.data.dataloader" and cls.__name__.endswith("Iter"):
            return "workers" if "MultiProcessing" in cls.__name__ else "iterator"
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(cls, numpy.ndarray):
            return "array"
        if issubclass(cls, numpy.generic | numpy.dtype):
            return "leaf"
        if issubclass(cls, numpy.random.Generator | numpy.random.RandomState):
            return "generator"
        if issubclass(cls, numpy.random.BitGenerator):
            return "generator"
    if issubclass(cls, random.SystemRandom):
        return "bystander"  # it has no state: the system gives what it draws
    if issubclass(cls, random.Random):
        return "generator"
    return None


def _classify_instance(cls: type) -> str:
    from pathlib import PurePath

    if issubclass(cls, PurePath):
        return "leaf"
    if cls is functools.partial:
        return "partial"
    if _is_bystander(cls):
        return "bystander"
    if issubclass(cls, tuple):
        return "tuple"
    if issubclass(cls, Iterator | AsyncIterator | types.CoroutineType):
        # A class of the user's that iterates over its own attributes is an object like others.
        return "object" if is_python_class(cls) else "iterator"
    for base, kind in _CONTAINER_BASES:
        if issubclass(cls, base):
            return kind
    return "object" if is_python_class(cls) else "opaque"


def _is_bystander(cls: type) -> bool:
    module = getattr(cls, "__module__", "") or ""
    if not isinstance(module, str):
        return False
    if module in _PLAIN_MODULES or (module, cls.__name__) == ("logging", "LoggerAdapter"):
        return False
    if module.partition(".")[0] in BYSTANDERS or module.startswith(_BYSTANDER_MODULES):
        return True
    return module == "argparse" and cls.__name__ != "Namespace"


def is_python_class(cls: type) -> bool:
    """Whether instances hold nothing but `__dict__` and `__slots__`.

    The rule is that of `object.__reduce_ex__` (CPython, Objects/typeobject.c,
    object_getstate_default): an instance larger than its dict, weak references and slots
    carries state of C code.
    """
    pointer = tuple.__itemsize__
    size = object.__basicsize__
    if cls.__dictoffset__ > 0:
        size += pointer
    if cls.__weakrefoffset__ > 0:
        size += pointer
    slots: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined]
    return cls.__basicsize__ <= size + pointer * len(slots)


def slot_names(cls: type) -> list[str]:
    """The names of `__slots__` of a class and its bases, mangled as attributes are."""
    names: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined]
    return names
