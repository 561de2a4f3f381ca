"""The journalled events of a session as JSON lines on standard output, the result last."""

from __future__ import annotations

import sys
from typing import TextIO

from agent.session.events import EVENT, Event


class JsonLines:
    """A subscriber, by `only_journalled`, that writes each event as one line and flushes it."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._out.write(EVENT.dump_json(event).decode() + "\n")
        self._out.flush()
