"""The index of the repository's code at its base commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.repo.host import HostRepository
from agent.user_directories import home

if TYPE_CHECKING:
    from agent.code.index import CodeIndex


def code_index(repository: HostRepository) -> CodeIndex:
    """The index of the repository's base commit, with its cache below the program's own directory."""
    from agent.code.index import CodeIndex, cache_path

    return CodeIndex(cache_path(home(), repository.directory), repository)
