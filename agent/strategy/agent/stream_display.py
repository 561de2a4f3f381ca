"""What the user sees of a step's reply while it comes: its prose, and that a call is being written."""

from __future__ import annotations

from agent.model.dialects import CallStream
from agent.run.context import Work


class Showing:
    """Takes a reply's pieces as they come; one for each request."""

    def __init__(self, work: Work, begun: str = "") -> None:
        self._work = work
        self._begun = begun
        self._start()

    def _start(self) -> None:
        self._stream = CallStream(self._work.registry.parameters())
        self._stream.feed(self._begun)
        self._hidden = 0

    def text(self, piece: str) -> None:
        """A piece of the reply's text."""
        shown = self._stream.feed(piece)
        if shown:
            self._work.on_text(shown)
        else:
            self._hidden += len(piece)
            self._work.on_call(self._hidden)

    def again(self, message: str) -> None:
        """The request is sent again: what came so far is void."""
        self._work.warn(message)
        self._start()

    def end(self) -> None:
        """The reply is whole: what was held back and is no call after all is shown."""
        self._stream.finish()
        if self._stream.rest.strip():
            self._work.on_text(self._stream.rest)
