"""Whether a script's parameters change in optimizer steps alone, as far as its text tells."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

# Ways to change a tensor that torch does not count, or not at the time: past autograd, by a graph
# that is launched as one, by kernels of one's own, in compiled code.
_UNCOUNTED = re.compile(
    r"\.data\b|\bset_\(|\bCUDAGraph|\bmake_graphed|\bcuda\.graph\b|\btriton\b|\bcpp_extension\b"
    r"|\bcompile\b|\bload_inline\b|\bdata_ptr\b|\bctypes\b|\bStream\b|\b__cuda_array_interface__\b"
    r"|\bdlpack\b|\bexec\(|\beval\("
)
# Packages of which it is known that they leave the parameters of others alone.
_HARMLESS = frozenset(
    """torch torchgen numpy yaml tqdm PIL filelock typing_extensions sympy mpmath networkx jinja2
    markupsafe fsspec packaging setuptools pkg_resources six dateutil pytz matplotlib pandas
    charset_normalizer certifi idna urllib3 requests rich tensorboard google grpc""".split()
) | {"flor", "florlib", "sitecustomize", "usercustomize", "xxhash", "msgpack", "cloudpickle"}


def changes_in_steps_alone(texts: Iterable[str], own: Iterable[str]) -> bool:
    """Whether nothing speaks against it.

    Args:
        texts: of the project's files.
        own: names of the modules that these are.
    """
    if any(_UNCOUNTED.search(text) for text in texts):
        return False
    mine = {name.partition(".")[0] for name in own}
    return all(
        name in mine or name in _HARMLESS or name in sys.stdlib_module_names
        for name in {name.partition(".")[0] for name in list(sys.modules)}
        if not name.startswith("_")
    )
