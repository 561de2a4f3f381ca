"""Removing sessions: their directories, and their containers and volumes in the Docker engine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from agent.errors import SandboxError, SandboxUnavailable, SweAgentError, UsageError
from agent.files import open_locked
from agent.session.directories import JOURNAL, sessions_root
from agent.session.overview import SessionOverview
from sandbox.directory_trees import remove_tree
from sandbox.docker_leftovers import Leftovers, belongs_to, open_leftovers

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhms])")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_REMOVING = ".removing-"


def parse_age(text: str) -> float:
    """The seconds of an age such as `30d`, `2w`, `12h` or `1d12h`. Raises `UsageError`."""
    parts = _AGE.findall(text)
    if not parts or _AGE.sub("", text).strip():
        raise UsageError(f"{text!r} is not an age", hint="write 30d, 2w, 12h or 1d12h")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


class Remover:
    """Removes sessions one by one. `problem` says why there are no `leftovers`, if a session may have some."""

    def __init__(self, leftovers: Leftovers | None, problem: str = "") -> None:
        self._leftovers = leftovers
        self._problem = problem

    def remove(self, overview: SessionOverview, *, force: bool = False) -> None:
        """Remove a session.

        Raises `UsageError` if it is running, `SandboxError` if its volume can't be removed, which `force` ignores, and
        `SweAgentError` if its directory can't be removed.
        """
        with _locked(overview):
            self._remove_volumes(overview, force=force)
            # renamed first, so that half of a session is never listed; the next removal takes what is left
            condemned = overview.directory.with_name(f"{_REMOVING}{overview.id}")
            remove_tree(condemned)
            try:
                overview.directory.rename(condemned)
            except OSError as error:
                raise SweAgentError(
                    f"{overview.directory} can't be removed: {error.strerror}", hint="remove it by hand"
                ) from error
        remove_tree(condemned)
        if condemned.exists():
            raise SweAgentError(f"{condemned} can't be removed whole", hint="remove it by hand")

    def _remove_volumes(self, overview: SessionOverview, *, force: bool) -> None:
        if self._leftovers is not None:
            try:
                self._leftovers.remove(overview.id)
            except SandboxError:
                if not force:
                    raise
        elif overview.may_have_volume and overview.sandbox == "docker" and not force:
            raise SandboxUnavailable(
                f"the Docker volume of {overview.id} can't be removed: {self._problem}",
                hint="start Docker, or leave the volume where it is with --force",
            )


@contextmanager
def open_remover(overviews: list[SessionOverview]) -> Iterator[Remover]:
    """A remover for these sessions, connected to the engine only if one of them may have left something there.

    It also removes what earlier removals that were cut off have left.
    """
    for directory in sessions_root().glob(f"{_REMOVING}*"):
        remove_tree(directory)
    with ExitStack() as stack:
        leftovers, problem = None, ""
        if any(overview.may_have_volume for overview in overviews):
            try:
                leftovers = stack.enter_context(open_leftovers())
            except SandboxUnavailable as error:
                problem = error.message
        yield Remover(leftovers, problem)


def measure_volumes(overviews: list[SessionOverview]) -> None:
    """Set `volume_bytes` of the sessions that may have a Docker volume; without an engine it stays 0."""
    wanted = [overview for overview in overviews if overview.may_have_volume and overview.sandbox == "docker"]
    if not wanted:
        return
    try:
        with open_leftovers() as leftovers:
            volumes = leftovers.volumes()
    except SandboxError:
        return
    for overview in wanted:
        overview.volume_bytes = sum(size for name, size in volumes.items() if belongs_to(name, overview.id))


@contextmanager
def _locked(overview: SessionOverview) -> Iterator[None]:
    """Hold the lock of the session's journal, so that no process resumes it. Raises `UsageError` if one runs it."""
    try:
        lock = open_locked(overview.directory / JOURNAL, create=False)
    except BlockingIOError as error:
        raise UsageError(f"the session {overview.id} is running", hint="end it first, with Ctrl-C") from error
    except OSError:  # no journal, or a file system without locks
        yield
        return
    try:
        yield
    finally:
        os.close(lock)
