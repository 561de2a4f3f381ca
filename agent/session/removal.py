"""Removing sessions: the record, the workspace, and what is left in the Docker engine."""

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
from sandbox.leftovers import Leftovers, belongs_to, open_leftovers

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([wdhms])")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_REMOVING = ".removing-"


def parse_age(text: str) -> float:
    """Seconds from `30d`, `2w`, `12h` or `1d12h`. Raises `UsageError`."""
    parts = _AGE.findall(text)
    if not parts or _AGE.sub("", text).strip():
        raise UsageError(f"{text!r} is no age", hint="write 30d, 2w, 12h or 1d12h")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


class Remover:
    """Removes sessions one by one; the engine is asked once, and only if a session may have something there."""

    def __init__(self, leftovers: Leftovers | None, problem: str = "") -> None:
        self._leftovers = leftovers
        self._problem = problem

    def remove(self, summary: SessionOverview, *, force: bool = False) -> None:
        """Remove a session. Raises `UsageError` for a running one, `SandboxError` where its volume can't be.

        `force` removes the record although the volume stays.
        """
        with _held(summary):
            self._remove_volumes(summary, force=force)
            # renamed first: cut off in between, it is no session any more, and the next removal takes it
            going = summary.directory.with_name(f"{_REMOVING}{summary.id}")
            remove_tree(going)
            try:
                summary.directory.rename(going)
            except OSError as error:
                raise SweAgentError(f"{summary.directory} can't be removed: {error.strerror}") from error
        remove_tree(going)
        if going.exists():
            raise SweAgentError(f"{going} can't be removed whole", hint="remove it by hand")

    def _remove_volumes(self, summary: SessionOverview, *, force: bool) -> None:
        if self._leftovers is not None:
            try:
                self._leftovers.remove(summary.id)
            except SandboxError:
                if not force:
                    raise
        elif summary.may_have_volume and summary.sandbox == "docker" and not force:
            raise SandboxUnavailable(
                f"the Docker volume of {summary.id} can't be removed: {self._problem}",
                hint="start Docker, or leave the volume where it is with --force",
            )


@contextmanager
def open_remover(summaries: list[SessionOverview]) -> Iterator[Remover]:
    """A remover for these sessions; of an earlier removal that was cut off, what was left is removed, too."""
    for place in sessions_root().glob(f"{_REMOVING}*"):
        remove_tree(place)
    with ExitStack() as stack:
        leftovers, problem = None, ""
        if any(summary.may_have_volume for summary in summaries):
            try:
                leftovers = stack.enter_context(open_leftovers())
            except SandboxUnavailable as error:
                problem = error.message
        yield Remover(leftovers, problem)


def measure_volumes(summaries: list[SessionOverview]) -> None:
    """Fill in `volume_bytes` of the sessions that may have a Docker volume; without an engine they stay 0."""
    wanted = [summary for summary in summaries if summary.may_have_volume and summary.sandbox == "docker"]
    if not wanted:
        return
    try:
        with open_leftovers() as leftovers:
            volumes = leftovers.volumes()
    except SandboxError:
        return
    for summary in wanted:
        summary.volume_bytes = sum(size for name, size in volumes.items() if belongs_to(name, summary.id))


@contextmanager
def _held(summary: SessionOverview) -> Iterator[None]:
    """Hold the session's journal, so that nobody goes on with it meanwhile."""
    try:
        held = open_locked(summary.directory / JOURNAL, create=False)
    except BlockingIOError as error:
        raise UsageError(f"the session {summary.id} is running", hint="end it first, with Ctrl-C") from error
    except OSError:  # without a journal, or on a file system without locks, nobody can
        yield
        return
    try:
        yield
    finally:
        os.close(held)
