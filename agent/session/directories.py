"""Where sessions lie on this machine: one directory each, named by its id; and which one a user means by a word."""

from __future__ import annotations

import difflib
import re
import secrets
import time
from pathlib import Path

from agent.errors import UsageError
from agent.user_directories import home

_ID = re.compile(r"^[a-z0-9][a-z0-9-]{3,60}$")
JOURNAL = "journal.jsonl"
LAST = "last"
_HINT = "`swe-agent sessions list` shows them"
_MOST_NAMED = 5


def new_session_id() -> str:
    """A name that sorts by time: `20260131-142501-k3f9`."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return time.strftime("%Y%m%d-%H%M%S-") + "".join(secrets.choice(letters) for _ in range(4))


def session_directory(session_id: str) -> Path:
    """The directory of a session. Raises `UsageError` for what is no session id."""
    if not _ID.match(session_id):
        raise UsageError(f"{session_id!r} is no session id", hint=_HINT)
    return sessions_root() / session_id


def sessions_root() -> Path:
    """The directory that holds a directory a session; it may not be there yet."""
    return home() / "sessions"


def session_directories() -> list[Path]:
    """The directories of all sessions, the one begun last first: their ids sort by time."""
    try:
        places = [place for place in sessions_root().iterdir() if _ID.match(place.name) and place.is_dir()]
    except OSError:
        return []
    return sorted(places, reverse=True)


def find_session(word: str) -> Path:
    """The directory of the session that `word` names: an id, its beginning or end where only one has it, or `last`.

    Raises `UsageError` that names the nearest ones.
    """
    places = session_directories()
    if not places:
        raise UsageError("there are no sessions yet", hint="`swe-agent fix` begins one")
    if word == LAST:
        return places[0]
    by_name = {place.name: place for place in places}
    if word in by_name:
        return by_name[word]
    found = [name for name in by_name if word and name.startswith(word)]
    found = found or [name for name in by_name if word and name.endswith(word)]
    if len(found) == 1:
        return by_name[found[0]]
    if found:
        raise UsageError(f"{word!r} may be {len(found)} sessions: {_named(found)}", hint="give more of the id")
    near = [name for name in by_name if word and word in name]
    near = near or difflib.get_close_matches(word, by_name, n=_MOST_NAMED, cutoff=0.3) or list(by_name)
    raise UsageError(f"there is no session {word!r}; the nearest: {_named(near)}", hint=_HINT)


def _named(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
