"""What sandboxes take on this machine: containers, volumes and workspaces, and which of them no session needs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.errors import SandboxError, SandboxUnavailable
from agent.files import open_locked
from agent.session.directories import JOURNAL, session_directories, sessions_root
from agent.session.overview import FINISHED, SessionOverview, disk_bytes, read_overview
from sandbox.directory_trees import remove_tree
from sandbox.docker_leftovers import Leftovers, Resource, belongs_to, open_leftovers

Kind = Literal["container", "volume", "workspace"]
State = Literal["in use", "kept", "orphan", "unknown"]
_WORKSPACE = re.compile(r"workspace(-.+)?|held-out")
_COPY = re.compile(r".+-fresh-[0-9a-f]+")
_REMOVING = ".removing-*"


@dataclass(frozen=True)
class Item:
    """One container, volume or workspace.

    `state` is `in use` while a process works with it, `kept` for a session that can be resumed, `orphan` where no
    session needs it, `unknown` where it can't be known: another home, machine or version has made it. `session` is
    empty where there is none. `name` is a workspace's path.
    """

    kind: Kind
    name: str
    session: str
    state: State
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """The item as a JSON object."""
        return asdict(self)


@dataclass
class Survey:
    """All that was found. `engine` says which Docker engine was asked; `problem` why none was."""

    items: list[Item] = field(default_factory=list)
    engine: str = ""
    problem: str = ""

    @property
    def orphans(self) -> list[Item]:
        """What `prune` removes."""
        return [each for each in self.items if each.state == "orphan"]


@dataclass
class Pruned:
    """What was removed, and what could not be, with the reason."""

    removed: list[Item] = field(default_factory=list)
    failed: list[tuple[Item, str]] = field(default_factory=list)

    @property
    def freed_bytes(self) -> int:
        """The bytes that were freed on disk."""
        return sum(each.bytes for each in self.removed)


def survey() -> Survey:
    """Everything that sandboxes of sessions have left or use, by kind and name."""
    sessions = {directory.name: read_overview(directory) for directory in session_directories()}
    found = Survey()
    try:
        with open_leftovers() as leftovers:
            found.engine = leftovers.engine()
            resources = leftovers.resources()
    except SandboxError as error:
        found.problem, resources = error.message, []
    found.items = [_resource_item(each, resources, sessions) for each in resources]
    found.items += [item for session in sessions.values() for item in _workspaces(session)]
    found.items += [_item(path, "", "orphan") for path in sorted(sessions_root().glob(_REMOVING))]
    return found


def prune(orphans: list[Item], *, on_removed: Callable[[Item], None] = lambda _: None) -> Pruned:
    """Remove what no session needs; what has come into use since it was found is left."""
    pruned = Pruned()
    with ExitStack() as stack:
        leftovers: Leftovers | None = None
        problem = ""
        if any(each.kind != "workspace" for each in orphans):
            try:
                leftovers = stack.enter_context(open_leftovers())
            except SandboxUnavailable as error:
                problem = error.message
        # containers first: the engine refuses to remove a volume that one uses
        for item in sorted(orphans, key=lambda each: each.kind):
            try:
                _remove(item, leftovers, problem)
            except BlockingIOError:
                pruned.failed.append((item, "a process works on its session by now"))
                continue
            except (SandboxError, OSError) as error:
                pruned.failed.append((item, str(error)))
                continue
            pruned.removed.append(item)
            on_removed(item)
    return pruned


def _resource_item(resource: Resource, all_of_them: list[Resource], sessions: dict[str, SessionOverview]) -> Item:
    session = next((name for name in sessions if belongs_to(resource.name, name)), "")
    state = _state(resource, all_of_them, sessions.get(session))
    return Item(resource.kind, resource.name, session, state, resource.bytes)


def _state(resource: Resource, all_of_them: list[Resource], session: SessionOverview | None) -> State:
    if session is not None and session.status == "running":
        return "in use"
    # a volume of a process that has ended may be in use by a container of one that lives
    makers = [resource, *(each for each in all_of_them if each.kind == "container" and each.name == resource.name)]
    if any(each.owner == "lives" for each in makers):
        return "in use"
    if session is not None:
        kept = resource.kind == "volume" and session.status not in FINISHED and not _COPY.search(resource.name)
        return "kept" if kept else "orphan"
    return "orphan" if resource.ours else "unknown"


def _workspaces(session: SessionOverview) -> list[Item]:
    try:
        entries = sorted(os.scandir(session.directory), key=lambda entry: entry.name)
    except OSError:
        return []
    found = []
    for entry in entries:
        if _WORKSPACE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            state: State = "orphan"
            if session.status == "running":
                state = "in use"
            elif session.status not in FINISHED and not _COPY.fullmatch(entry.name):
                state = "kept"
            found.append(_item(Path(entry.path), session.id, state))
    return found


def _item(path: Path, session: str, state: State) -> Item:
    return Item("workspace", str(path), session, state, disk_bytes(path))


def _remove(item: Item, leftovers: Leftovers | None, problem: str) -> None:
    """Remove one item, with its session locked meanwhile. Raises `SandboxError`, `OSError`."""
    with ExitStack() as stack:
        journal = sessions_root() / item.session / JOURNAL
        if item.session and journal.exists():
            stack.callback(os.close, open_locked(journal, create=False))
        if item.kind == "workspace":
            path = Path(item.name)
            remove_tree(path)
            if path.exists():
                raise SandboxError(f"{path} can't be removed whole", hint="remove it by hand")
            return
        if leftovers is None:
            raise SandboxUnavailable(problem)
        for current in leftovers.resources():
            if (current.kind, current.name) == (item.kind, item.name) and current.owner != "lives":
                leftovers.remove_resource(current)
