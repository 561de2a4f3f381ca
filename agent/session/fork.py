"""Forking a session: a new one that begins with the first steps of another."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.errors import UsageError
from agent.session.directories import JOURNAL, new_session_id, session_directory
from agent.session.events import Ended, Event, ModelReplied, SessionStarted, WorkBegan
from agent.session.journal import Journal, load_timed
from agent.session.patch_store import EVENTS, PatchStore
from agent.session.state import State

_COPIED_FILES = ("baseline.json",)


def fork(source: Path, step: int) -> str:
    """Make a session of the first `step` replies of the one in the directory `source`; returns the new id.

    With 0 it begins at the start of the work. The new session is resumed like any other: its workspace is restored from
    the base commit, the setup and the patch that the host has stored for that step. Raises `UsageError` for a step that
    does not exist or whose patch was not stored, `JournalDamaged`, `JournalWriteFailed`.
    """
    timed, _ = load_timed(source / JOURNAL)
    size = _size([event for event, _ in timed], step)
    first, began = timed[0]
    assert isinstance(first, SessionStarted)
    state = State()
    for event, _ in timed[:size]:
        state.add(event)
    new_id = new_session_id()
    directory = session_directory(new_id)
    new = first.model_copy(update={"session_id": new_id, "forked_from": first.session_id, "forked_at": step})
    patch = PatchStore(source).read(state.resume_tree)
    if patch is None and state.resume_tree not in {"", state.workspace.base}:
        raise UsageError(
            f"the change of step {step} was not stored", hint="it was too long, or made room for later ones"
        )
    try:
        with Journal(directory / JOURNAL) as journal:
            if patch is not None:
                PatchStore(directory).write(state.resume_tree, patch)
            for name in _COPIED_FILES:
                if (source / name).is_file():
                    shutil.copyfile(source / name, directory / name)
            if (source / EVENTS).is_dir():
                shutil.copytree(source / EVENTS, directory / EVENTS)
            journal.append_timed([(new, began), *timed[1:size]])
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return new_id


def _size(events: list[Event], step: int) -> int:
    """How many events the first `step` replies take: all up to the next reply, or the end of the work.

    Raises `UsageError` for a step that does not exist.
    """
    replies = [at for at, event in enumerate(events) if isinstance(event, ModelReplied)]
    begun = [at for at, event in enumerate(events) if isinstance(event, WorkBegan)]
    if not begun or not isinstance(events[0], SessionStarted):
        raise UsageError("the session has not begun its work", hint="start it again with `swe-agent fix`")
    if not 0 <= step <= len(replies):
        raise UsageError(f"the session has no step {step}", hint=f"it has {len(replies)}; 0 is its beginning")
    first = replies[step - 1] if step else begun[0]
    for at in range(first + 1, len(events)):
        if isinstance(events[at], ModelReplied | Ended):
            return at
    return len(events)
