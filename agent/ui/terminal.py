"""A session on the terminal, on standard error: what the model says as it comes, and a line for each event."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.redaction import mask_addresses
from agent.session.events import Event
from agent.session.live import (
    CallStreaming,
    DownloadAdvanced,
    LiveEvent,
    ProgressReported,
    PromptProcessing,
    TextReceived,
)
from agent.text import printable
from agent.ui.lines import Line, event_lines

if TYPE_CHECKING:
    from rich.console import Console

_WAIT_SECONDS = 10.0
"""How often a wait for the model is reported."""
_DOWNLOAD_PERCENT = 5
"""At which steps a download is reported."""


class Terminal:
    """A subscriber that shows a session to a person. Untrusted text is printed without markup or control characters.

    Without `stream` the model's text is not shown as it comes. `clock` gives the seconds of the lines; its first value
    counts as 0:00.
    """

    def __init__(self, console: Console, *, stream: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._in_text = False
        self._percent = -1
        self._waited = 0.0
        self._call_reported = 0.0
        self._call_characters = 0

    def __call__(self, event: Event | LiveEvent) -> None:
        """Show one event."""
        match event:
            case TextReceived():
                self._show_text(event.text)
            case CallStreaming():
                self._show_call(event.characters)
            case PromptProcessing():
                self._show_wait(event)
            case DownloadAdvanced():
                self._show_download(event)
            case ProgressReported():
                self.report(event.message)
            case _:
                self._end_text()
                for line in event_lines(event):
                    self._print(line)

    def report(self, message: str) -> None:
        """Show a line about what is being done."""
        self._end_text()
        self._print(Line("·", mask_addresses(message), "dim"))

    def _show_text(self, piece: str) -> None:
        self._waited = 0.0
        if self._stream:
            self._in_text = True
            self._write(printable(piece), "dim", end="")

    def _end_text(self) -> None:
        if self._in_text:
            self._in_text = False
            self._write("")

    def _show_wait(self, event: PromptProcessing) -> None:
        """Report that the model is still reading the prompt."""
        if event.seconds < self._waited + _WAIT_SECONDS:
            self._waited = min(self._waited, event.seconds)  # fewer seconds: another request
            return
        self._waited = event.seconds
        done = f" ({event.done:,} of {event.total:,} tokens)" if event.done and event.total else ""
        self.report(f"the model is reading the prompt: {event.seconds:.0f} s{done}")

    def _show_call(self, characters: int) -> None:
        """Report that the model is still writing a tool call."""
        now = self._clock()
        if characters < self._call_characters or not self._call_characters:  # another call
            self._call_reported = now
        self._call_characters = characters
        if now - self._call_reported >= _WAIT_SECONDS:
            self._call_reported = now
            self.report(f"the model is writing a call: {characters:,} characters so far")

    def _show_download(self, event: DownloadAdvanced) -> None:
        percent = 100 * event.done // max(event.total, 1)
        if percent // _DOWNLOAD_PERCENT != self._percent // _DOWNLOAD_PERCENT:
            self._percent = percent
            done, total = event.done / 1e6, event.total / 1e6
            self.report(f"model: {done:,.0f} of {total:,.0f} MB ({percent}%) from {event.source}")

    def _print(self, line: Line) -> None:
        if line.output:
            indented = "\n".join(f"       {each}" for each in printable(line.text).splitlines())
            self._write(indented, line.style)
            return
        seconds = max(int(self._clock() - self._started), 0)
        text = printable(line.text.replace("\r", " "))  # a carriage return would overwrite what stands before it
        self._write(f"{seconds // 60:3d}:{seconds % 60:02d} {line.mark} {text}", line.style)

    def _write(self, text: str, style: str = "", *, end: str = "\n") -> None:
        """Print the text unchanged; where there are no colours, without the cost of Rich's layout."""
        if self._console.is_terminal:
            self._console.out(text, style=style or None, highlight=False, end=end)
        else:
            self._console.file.write(text + end)
