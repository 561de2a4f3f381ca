"""The journalled events of a session as JSON lines on standard output, the result last."""

from __future__ import annotations

import sys
from typing import TextIO

from agent.session.events import EVENT, Event, Result


class JsonLines:
    """A subscriber, by `only_journalled`, that writes each event as one line and flushes it.

    With `hold_result` the result is kept in `result` instead, for whoever writes it once it was delivered.
    """

    def __init__(self, out: TextIO | None = None, *, hold_result: bool = False) -> None:
        self._out = out or sys.stdout
        self._hold_result = hold_result
        self.result: Result | None = None

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if isinstance(event, Result) and self._hold_result:
            self.result = event
            return
        self.write(event)

    def write(self, event: Event) -> None:
        """Write an event, whatever it is."""
        self._out.write(EVENT.dump_json(event).decode() + "\n")
        self._out.flush()
