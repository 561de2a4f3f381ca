"""Where sessions lie on this machine: one directory each, named by its id."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from agent.config import home
from agent.errors import UsageError

_ID = re.compile(r"^[a-z0-9][a-z0-9-]{3,60}$")


def new_session_id() -> str:
    """A name that sorts by time: `20260131-142501-k3f9`."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return time.strftime("%Y%m%d-%H%M%S-") + "".join(secrets.choice(letters) for _ in range(4))


def session_directory(session_id: str) -> Path:
    """The directory of a session. Raises `UsageError` for what is no session id."""
    if not _ID.match(session_id):
        raise UsageError(f"{session_id!r} is no session id", hint="`swe-agent sessions list` shows them")
    return home() / "sessions" / session_id
