"""A repository's configuration, read once while it is open: each reading parses all files it is made of."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from dulwich.config import StackedConfig
from dulwich.repo import Repo

_READ: WeakKeyDictionary[Repo, StackedConfig] = WeakKeyDictionary()


def configuration(repo: Repo) -> StackedConfig:
    """What git would go by in a repository, as it was when first asked for."""
    found = _READ.get(repo)
    if found is None:
        found = _READ[repo] = repo.get_config_stack()
    return found
