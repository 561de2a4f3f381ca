"""What goes by while a session works and is not worth keeping: events for whoever watches, never journalled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A piece of what the model is saying, as it comes; a step's pieces add up to its prose without its calls."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStreaming:
    """The model is writing a tool call: so many characters of it have come."""

    characters: int


@dataclass(frozen=True, slots=True)
class PromptProcessing:
    """The reply's first token is being waited for: seconds so far, and the prompt's tokens where the server says."""

    seconds: float
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class ProgressReported:
    """What is being done, in a line of words."""

    message: str


@dataclass(frozen=True, slots=True)
class DownloadAdvanced:
    """How far a download is, in bytes; `source` names where they come from."""

    done: int
    total: int
    source: str


LiveEvent = TextReceived | CallStreaming | PromptProcessing | ProgressReported | DownloadAdvanced
