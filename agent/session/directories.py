"""The directories of the sessions on this machine, each named by its id, and finding the one that a user names."""

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
_MAX_NAMED = 5


def new_session_id() -> str:
    """A new session id, which sorts by time: `20260131-142501-k3f9`."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return time.strftime("%Y%m%d-%H%M%S-") + "".join(secrets.choice(letters) for _ in range(4))


def session_directory(session_id: str) -> Path:
    """The directory of a session, which may not exist. Raises `UsageError` for an invalid id."""
    if not _ID.match(session_id):
        raise UsageError(f"{session_id!r} is not a session id", hint=_HINT)
    return sessions_root() / session_id


def sessions_root() -> Path:
    """The directory of all sessions' directories; it may not exist yet."""
    return home() / "sessions"


def session_directories() -> list[Path]:
    """The directories of all sessions, the latest first."""
    try:
        found = [each for each in sessions_root().iterdir() if _ID.match(each.name) and each.is_dir()]
    except OSError:
        return []
    return sorted(found, reverse=True)


def find_session(name: str) -> Path:
    """The directory of the session that `name` means: an id, the unique beginning or end of one, or `last`.

    Raises `UsageError`, which names the most similar ones.
    """
    directories = session_directories()
    if not directories:
        raise UsageError("there are no sessions yet", hint="`swe-agent fix` begins one")
    if name == LAST:
        return directories[0]
    by_id = {directory.name: directory for directory in directories}
    if name in by_id:
        return by_id[name]
    found = [each for each in by_id if name and each.startswith(name)]
    found = found or [each for each in by_id if name and each.endswith(name)]
    if len(found) == 1:
        return by_id[found[0]]
    if found:
        raise UsageError(f"{name!r} may be {len(found)} sessions: {_named(found)}", hint="give more of the id")
    similar = [each for each in by_id if name and name in each]
    similar = similar or difflib.get_close_matches(name, by_id, n=_MAX_NAMED, cutoff=0.3) or list(by_id)
    raise UsageError(f"there is no session {name!r}; the nearest: {_named(similar)}", hint=_HINT)


def _named(names: list[str]) -> str:
    return ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
