"""The latest patch of a session: its result's, else that of its workspace or its attempts.

Always its bytes as the host stored them. The journal's text is for people: secrets are masked in it.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from agent.errors import JournalError
from agent.redaction import MASKED
from agent.session.directories import JOURNAL
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Event, Result
from agent.session.journal import load
from agent.session.overview import FINISHED
from agent.session.patch_store import LATEST, PatchStore


@dataclass(frozen=True)
class LatestPatch:
    """A patch, empty if there is no change, and a description of where it comes from."""

    patch: bytes
    origin: str


def find_latest_patch(directory: Path) -> LatestPatch:
    """The latest patch of the session in a directory. Raises `JournalError`s.

    That of its result, if it has ended. Of an unfinished session that of its workspace at the last snapshot, else that
    of the attempt that was chosen, or of the last attempt with one. Raises `JournalError`, too, where the journal's
    text of it may be masked and its bytes are not stored.
    """
    events, _ = load(directory / JOURNAL)
    final = events[-1] if events else None
    try:
        stored = (directory / LATEST).read_bytes()
    except OSError:
        stored = b""
    if isinstance(final, Result) and (final.patch or final.status in FINISHED):
        return LatestPatch(_of_result(directory, final, stored), f"the result: {final.status}")
    if stored:
        return LatestPatch(stored, "not finished; the workspace at its last snapshot")
    return _from_attempts(directory, events)


def _of_result(directory: Path, result: Result, stored: bytes) -> bytes:
    """The bytes of a result's patch; earlier versions stored only the workspace's, `stored`."""
    store = PatchStore(directory)
    if not store.has_original(result.patch):
        if _shows(result.patch, stored.decode("utf-8", "replace")):
            return stored
        if result.patch_base64 and MASKED not in result.patch_base64 + result.patch:
            return b64decode(result.patch_base64)
    return _whole(store, result.patch)


def _shows(shown: str, whole: str) -> bool:
    """Whether a journal's text is this one, perhaps masked."""
    first, *pieces = shown.split(MASKED)
    if not pieces:
        return shown == whole
    *between, last = pieces
    at = len(first)
    for piece in between:
        found = whole.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return whole.startswith(first) and whole.endswith(last) and len(whole) - len(last) >= at


def _whole(store: PatchStore, shown: str) -> bytes:
    whole = store.original(shown)
    if whole is None:
        raise JournalError(
            "the patch in the journal may be masked, and its bytes are not stored",
            hint="start again with `swe-agent fix`",
        )
    return whole


def _from_attempts(directory: Path, events: list[Event]) -> LatestPatch:
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
    return LatestPatch(
        _whole(PatchStore(directory), best.patch), f"not finished; attempt {best.number}: {best.verdict}"
    )
