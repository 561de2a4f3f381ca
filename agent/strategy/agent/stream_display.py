"""What the user sees of a step's reply while it comes: its prose, and that a call is being written."""

from __future__ import annotations

from agent.model.dialects import CallStream
from agent.run.run import Run
from agent.session.live import CallStreaming, TextReceived


class StreamDisplay:
    """Takes a reply's pieces as they come; one for each request."""

    def __init__(self, run: Run, begun: str = "") -> None:
        self._run = run
        self._begun = begun
        self._start()

    def _start(self) -> None:
        self._stream = CallStream(self._run.tools.registry.parameters())
        self._stream.feed(self._begun)
        self._hidden = 0

    def text(self, piece: str) -> None:
        """A piece of the reply's text."""
        shown = self._stream.feed(piece)
        if shown:
            self._run.session.publish(TextReceived(shown))
        else:
            self._hidden += len(piece)
            self._run.session.publish(CallStreaming(self._hidden))

    def again(self, message: str) -> None:
        """The request is sent again: what came so far is void."""
        self._run.context.warn(message)
        self._start()

    def end(self) -> None:
        """The reply is whole: what was held back and is no call after all is shown."""
        self._stream.finish()
        if self._stream.rest.strip():
            self._run.session.publish(TextReceived(self._stream.rest))
