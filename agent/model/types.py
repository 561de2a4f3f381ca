"""Requests to a model and its replies."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

_ID_LETTERS = string.ascii_letters + string.digits


SlotChoice = Literal["any", "own", "side"]
"""The slot of a request at a server with several: the session's own, another for side requests, or any."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Usage(_Record):
    """Tokens of one request, or a sum: of the prompt, those of it found in the server's cache, generated."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The sum."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class ToolCall(_Record):
    """A tool call. `arguments` is the model's own JSON string, byte for byte, where it is valid JSON."""

    id: str
    name: str
    arguments: str


def new_call_id() -> str:
    """A random id of nine alphanumerics: the one form that every chat template takes (Mistral's refuses others)."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(9))


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters; None leaves one to the server."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Request:
    """One request.

    `max_tokens` bounds the reply; `json_schema` constrains it; `begun` is a prefill: how the reply begins, given to the
    model as if it had written it; `slot` is which of the server's slots is to be used, where it has several.
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
    """The server's own timings: tokens of the prompt processed and generated, and the seconds each took."""

    read: int
    read_seconds: float
    generated: int
    generated_seconds: float


@dataclass(frozen=True)
class Waiting:
    """The seconds waited for the first token; `done` of `total` prompt tokens are processed, where that is known."""

    seconds: float
    done: int | None = None
    total: int | None = None


REPETITION = "repetition"
"""The `finish_reason` of a reply that was cut since it repeated itself without end; no server gives it."""

OnText = Callable[[str], None]
OnWait = Callable[[Waiting], None]


@dataclass(frozen=True)
class Reply:
    """A whole reply as the server gave it; `calls` are the native ones, their arguments not validated.

    `content` includes the request's `begun`. `finish_reason` is the server's, or `REPETITION`. `seconds` is the time
    from request to end.
    """

    content: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    timings: Timings | None = None
