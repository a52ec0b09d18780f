"""Which files and modules of a process are the user's own."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from florlib.runtime.guard import os

# flor's own packages are never the user's, not even when flor's repository is the project.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
_OWN = tuple(os.path.join(_ROOT, name) + os.sep for name in ("flor", "florlib", "florctl"))


def _prefixes() -> tuple[str, ...]:
    roots = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    return tuple(sorted(root + os.sep for root in roots))


@dataclass(slots=True)
class Project:
    """The user's project folder, and questions about paths and modules below it.

    Attributes:
        root: absolute path, symbolic links resolved.
        library_attributes: (module, attribute) of libraries that the project's code sets.
        put: names of attributes that it sets on objects other than `self`.
    """

    root: str
    library_attributes: set[tuple[str, str]] = field(default_factory=set)
    put: set[str] = field(default_factory=set)
    _modules: dict[str, bool] = field(default_factory=dict)
    _paths: dict[str, str | None] = field(default_factory=dict)
    _folders: dict[str, str] = field(default_factory=dict)
    _prefixes: tuple[str, ...] = field(default_factory=_prefixes)
    _loaded: list[str] = field(default_factory=list)  # names of modules, of which _own are known
    _own: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, folder: str) -> Project:
        """The project in a folder."""
        return cls(os.path.realpath(folder))

    def relative(self, path: str) -> str | None:
        """The project-relative path, with slashes; None for files that are not the user's.

        Installed packages are not, also where the environment lies inside the project.
        """
        known = self._paths.get(path, "")
        if known != "":
            return known
        found = self._relative(path)
        self._paths[path] = found
        return found

    def _relative(self, path: str) -> str | None:
        if path.startswith("<"):  # "<frozen runpy>", "<string>": code without a file
            return None
        real = self._real(path)
        if not os.path.isabs(path) and not os.path.exists(real):
            return None  # torch gives modules that it makes up a __file__ of "_ops.py"
        if not real.startswith(self.root.rstrip(os.sep) + os.sep):
            return None
        if real.startswith(_OWN):
            return None
        inside = real[len(self.root.rstrip(os.sep)) + 1 :]
        installed = real.startswith(self._prefixes) and not self.root.startswith(self._prefixes)
        if installed or "site-packages" in inside.split(os.sep):
            return None
        return str(inside).replace(os.sep, "/")

    def _real(self, path: str) -> str:
        """The path without symbolic links; those of a folder are looked up once.

        A process has some two thousand modules: one by one that takes a tenth of a second, which
        the first checkpoint would have to wait for.
        """
        folder, name = os.path.split(path)
        if not os.path.isabs(path) or os.pardir in path or not name:
            return str(os.path.realpath(path))
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = os.path.realpath(folder)
        whole = os.path.join(known, name)
        return str(os.path.realpath(whole) if os.path.islink(whole) else whole)

    def owns_module(self, name: object) -> bool:
        """Whether the loaded module of this name comes from a project file."""
        if not isinstance(name, str):
            return False
        known = self._modules.get(name)
        if known is None:
            module = sys.modules.get(name)
            path = getattr(module, "__file__", None)
            known = isinstance(path, str) and (
                self.relative(path) is not None or self._is_loose(path)
            )
            if module is not None:
                self._modules[name] = known
        return known

    def _is_loose(self, path: str) -> bool:
        """Whether a file is neither the project's nor installed: `sys.path.append("../common")`."""
        if not os.path.isabs(path) or not os.path.exists(path):
            return False
        real = self._real(path)
        parts = real.split(os.sep)
        installed = "site-packages" in parts or "dist-packages" in parts
        return not (installed or real.startswith(self._prefixes) or real.startswith(_OWN))

    def modules(self) -> list[str]:
        """The names of loaded modules that are the user's; `__main__` first.

        A module under two names (multiprocessing makes `__mp_main__` of `__main__`) counts once.
        """
        loaded = list(sys.modules)
        if loaded != self._loaded:  # some two thousand names, of which there are seldom new ones
            known = self._modules
            own = [n for n in loaded if known.get(n, n not in known) and self.owns_module(n)]
            own.sort(key=lambda name: (name != "__main__", name))
            self._loaded, self._own = loaded, own
        names = self._own
        once = {id(sys.modules[name]): name for name in reversed(names)}
        return [name for name in names if once[id(sys.modules[name])] == name]
