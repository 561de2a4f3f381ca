"""A session that begins as another one did, up to a step of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.errors import UsageError
from agent.session.directories import new_session_id, session_directory
from agent.session.events import Ended, Event, ModelReplied, SessionStarted, WorkBegan
from agent.session.journal import Journal, load_timed
from agent.session.patch_store import PatchStore
from agent.session.state import State

_BESIDE = ("baseline.json",)


def fork(source: Path, step: int) -> str:
    """Make a session of the first `step` replies of the one in the directory `source`, and what followed them; its id.

    0 is the beginning of the work. The new session is resumed like any other: its workspace is made again from the base
    commit, the setup and the change that the host kept for that step. Raises `UsageError` for a step that there is not,
    or whose change was not kept; `JournalDamaged`, `JournalWriteFailed`.
    """
    timed, _ = load_timed(source / "journal.jsonl")
    size = _size([event for event, _ in timed], step)
    first, began = timed[0]
    assert isinstance(first, SessionStarted)
    state = State()
    for event, _ in timed[:size]:
        state.add(event)
    name = new_session_id()
    directory = session_directory(name)
    new = first.model_copy(update={"session_id": name, "forked_from": first.session_id, "forked_at": step})
    kept = PatchStore(source).read(state.resume_tree)
    if kept is None and state.resume_tree not in {"", state.workspace.base}:
        raise UsageError(f"the change of step {step} was not kept", hint="it was too long, or made room for later ones")
    try:
        with Journal(directory / "journal.jsonl") as journal:
            if kept is not None:
                PatchStore(directory).write(state.resume_tree, kept)
            for beside in _BESIDE:
                if (source / beside).is_file():
                    shutil.copyfile(source / beside, directory / beside)
            journal.append_timed([(new, began), *timed[1:size]])
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return name


def _size(events: list[Event], step: int) -> int:
    """How many events the first steps take: up to the next reply, or the end of the work."""
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
