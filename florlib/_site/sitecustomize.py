"""The door through which flor enters processes that it was asked to record or replay.

`flor record` puts this folder on PYTHONPATH. A sitecustomize of the user's own is imported
first, as Python would have done, and nothing is ever raised.
"""

import os
import sys


def _chain():
    here = os.path.dirname(os.path.abspath(__file__))
    places = [n for n, path in enumerate(sys.path) if path and os.path.abspath(path) == here]
    saved = [(n, sys.path[n]) for n in places]
    for n in reversed(places):
        del sys.path[n]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours
    return here, saved


def _enter(here):
    root = os.path.dirname(os.path.dirname(here))
    added = root not in sys.path
    if added:
        sys.path.append(root)
    try:
        from florlib.runtime import boot

        boot.install()
    except Exception as error:  # noqa: BLE001
        sys.stderr.write(
            f"warning: flor could not enter this process ({error!r}); it runs unrecorded\n"
        )
    finally:
        if added and root in sys.path:
            sys.path.remove(root)


try:
    _here, _saved = _chain()
finally:
    if "FLOR_LAUNCH" in os.environ:
        _enter(os.path.dirname(os.path.abspath(__file__)))
