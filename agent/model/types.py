"""What goes to a model and what comes back."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

_ID_LETTERS = string.ascii_letters + string.digits


SlotChoice = Literal["any", "own", "side"]
"""A place at a server with several slots: the session's own, one for questions beside it, or any."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Usage(_Record):
    """Tokens of one reply, or of all: sent, of these found in the server's cache, generated."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class ToolCall(_Record):
    """A call the model made. `arguments` is the model's own JSON string, byte for byte, where it is valid JSON."""

    id: str
    name: str
    arguments: str


def new_call_id() -> str:
    """Nine alphanumerics: the one form every chat template takes (Mistral's refuses others)."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(9))


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; None leaves a figure to the server."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Request:
    """One request.

    `max_tokens` is the reply's reserve, in tokens; `json_schema` constrains the reply; `begun` is how it begins, given
    to the model as if it had written it; `slot` says whose place at the server is to be used, where it has several.
    """

    messages: list[dict[str, Any]]
    max_tokens: int
    tools: list[dict[str, Any]] = field(default_factory=list)
    json_schema: dict[str, Any] | None = None
    begun: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    slot: SlotChoice = "any"


@dataclass(frozen=True)
class Timings:
    """What the server says of its own work: tokens read and generated, and the seconds each took."""

    read: int
    read_seconds: float
    generated: int
    generated_seconds: float


@dataclass(frozen=True)
class Waiting:
    """How long a reply's first token is being waited for; `done` and `total` are the prompt's tokens, where told."""

    seconds: float
    done: int | None = None
    total: int | None = None


REPETITION = "repetition"
"""The `finish_reason` of a reply that was cut since it repeated itself without end; no server gives it."""

OnText = Callable[[str], None]
OnWait = Callable[[Waiting], None]


@dataclass(frozen=True)
class Reply:
    """A whole reply, as the server gave it; `calls` are the native ones, their arguments not yet looked at.

    `content` holds what the reply was begun with, too. `finish_reason` is the server's own word, or `repetition` where
    the reply was cut since it said the same without end.
    """

    content: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    timings: Timings | None = None
