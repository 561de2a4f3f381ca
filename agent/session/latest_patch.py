"""The change a session has made so far: its result's patch, or the latest one it left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.session.directories import JOURNAL
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Event, Result
from agent.session.journal import load
from agent.session.overview import FINISHED

WORKSPACE_PATCH = "workspace.patch"


@dataclass(frozen=True)
class LatestPatch:
    """A patch, its bytes as git wrote them where they are kept, and what it is; empty where there is no change."""

    patch: bytes
    origin: str


def find_latest_patch(directory: Path) -> LatestPatch:
    """The change of a session. Raises `JournalError`s.

    A session that ended has its result's. An unfinished one has what its workspace held at the last snapshot, else the
    patch of the attempt that was chosen, or of the last attempt with one.
    """
    events, _ = load(directory / JOURNAL)
    final = events[-1] if events else None
    try:
        kept = (directory / WORKSPACE_PATCH).read_bytes()
    except OSError:
        kept = b""
    if isinstance(final, Result) and (final.patch or final.status in FINISHED):
        # the journal holds text; where the kept file is the same change, it has the bytes that are not UTF-8, too
        same = kept.decode("utf-8", "replace") == final.patch
        return LatestPatch(kept if same else final.patch.encode(), f"the result: {final.status}")
    if kept:
        return LatestPatch(kept, "not finished; the workspace at its last snapshot")
    return _from_attempts(events)


def _from_attempts(events: list[Event]) -> LatestPatch:
    """The latest patch that the events tell of."""
    attempts: dict[int, AttemptEnded] = {}
    chosen: AttemptEnded | None = None
    for event in events:
        match event:
            case AttemptBegan():
                attempts.pop(event.number, None)
            case AttemptEnded():
                attempts[event.number] = event
            case AttemptChosen():
                chosen = attempts.get(event.number)
    last = next((each for each in reversed(attempts.values()) if each.patch), None)
    best = chosen if chosen and chosen.patch else last
    if best is None:
        return LatestPatch(b"", "no change")
    return LatestPatch(best.patch.encode(), f"not finished; attempt {best.number}: {best.verdict}")
