"""Objects that hold their state in C code, as pickles.

Classes and functions of the script are named in them, not copied as `cloudpickle.dumps` would copy
those of `__main__`: what comes back is of the class that the script has, and equal objects have
equal bytes.
"""

from __future__ import annotations

import functools
import io
import types
from typing import Any

from florlib.runtime.graph.leaves import global_name


def pickled(value: Any) -> bytes:
    """The pickle of an object.

    Raises:
        Exception: whatever the object's own code raises; it cannot be pickled.
    """
    data = io.BytesIO()
    _pickler()(data).dump(value)
    return data.getvalue()


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, type | types.FunctionType):
                name = global_name(value)
                if name is not None:
                    return name[2]
            return super().reducer_override(value)

    return Pickler
