"""The latest patch of a session: its result's, else that of its workspace or its attempts."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from agent.session.directories import JOURNAL
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Event, Result
from agent.session.journal import load
from agent.session.overview import FINISHED
from agent.session.patch_store import LATEST


@dataclass(frozen=True)
class LatestPatch:
    """A patch, empty if there is no change, and a description of where it comes from."""

    patch: bytes
    origin: str


def find_latest_patch(directory: Path) -> LatestPatch:
    """The latest patch of the session in a directory. Raises `JournalError`s.

    That of its result, if it has ended. Of an unfinished session that of its workspace at the last snapshot, else that
    of the attempt that was chosen, or of the last attempt with one.
    """
    events, _ = load(directory / JOURNAL)
    final = events[-1] if events else None
    try:
        stored = (directory / LATEST).read_bytes()
    except OSError:
        stored = b""
    if isinstance(final, Result) and (final.patch or final.status in FINISHED):
        # the journal has the patch as text; the stored file also has the bytes that are not UTF-8
        same = stored.decode("utf-8", "replace") == final.patch
        whole = b64decode(final.patch_base64) if final.patch_base64 else final.patch.encode()
        return LatestPatch(stored if same else whole, f"the result: {final.status}")
    if stored:
        return LatestPatch(stored, "not finished; the workspace at its last snapshot")
    return _from_attempts(events)


def _from_attempts(events: list[Event]) -> LatestPatch:
    """The patch of the chosen attempt, else of the last one with a patch."""
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
