"""The errors of a model server, sorted into those that may not happen again and those that will."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from agent.errors import BackendError, BackendRefused, BackendUnreachable, ContextOverflow, ReplyUnparsable
from agent.redaction import mask

_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504}
_OVERFLOW = re.compile(
    r"exceed_context_size"
    r"|(context|input|prompt)\W+(length|size|window)\b.{0,200}exceed"
    r"|exceed\w* .{0,100}\b(context (length|size|window)|maximum allowed length)"
    r"|maximum context length"
    r"|longer than the (model'?s )?(maximum )?(context|model length)"
    r"|context the overflows|greater than the context length|n_keep.{0,40}n_ctx",
    re.IGNORECASE | re.DOTALL,
)
_WINDOW = re.compile(
    r"(?:maximum context length (?:is|of)|maximum model length of|context length of only|maximum allowed length \("
    r"|context length \(|context size \(|n_ctx:?|n_ctx \()\s*(\d+)",
    re.IGNORECASE,
)
_UNPARSABLE = re.compile(r"failed to parse input|peg-native|error parsing tool call", re.IGNORECASE)
_MAX_SHOWN = 300  # characters of an answer that is no JSON
_HINTS = {401: "is the API key right?", 403: "is the API key right?", 404: "is --model right?"}


class RetryableError(Exception):
    """A `BackendError` that may not happen again: what to raise when retrying does not help is `error`.

    `retry_after` is the server's Retry-After in seconds, None where it gave none. `idle` says that the connection was
    open and nothing came over it for as long as the client waits.
    """

    def __init__(self, error: BackendError, retry_after: float | None = None, *, idle: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.idle = idle


def message_of(body: Any, fallback: str = "") -> str:
    """The message in an error's body, under whichever of the usual keys it is."""
    detail = _detail(body)
    for key in ("message", "error", "detail"):
        if isinstance(detail.get(key), str) and detail[key].strip():
            return str(detail[key]).strip()
    return fallback


def body_of(text: str) -> Any:
    """The JSON of an error's body; where it is none, as from a gateway, the beginning of its text."""
    try:
        return json.loads(text)
    except ValueError:
        return mask(text).strip()[:_MAX_SHOWN]  # a key that is cut in two would not be known


def status_error(status: int, body: Any, headers: Mapping[str, str]) -> RetryableError | BackendError:
    """The error for an answer with another HTTP status than 2xx, by its body as `body_of` gives it."""
    detail = _detail(body)
    message = message_of(body, f"status {status}")
    if status != 429 and (found := _match_message(str(detail.get("type") or ""), message, detail.get("n_ctx"))):
        return found
    refused = BackendRefused(
        f"the model server answered {status}: {message}", status=status, hint=_HINTS.get(status, "")
    )
    # A history with arguments that are no JSON is refused each time it is sent.
    if status in _RETRIED and "as json" not in message.lower():
        return RetryableError(refused, _seconds(headers.get("retry-after", "")))
    return refused


def _seconds(retry_after: str) -> float | None:
    """A Retry-After in seconds; None for a date, which is of no use where the clocks differ."""
    return float(retry_after) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", retry_after.strip()) else None


def stream_error(message: str) -> RetryableError | BackendError:
    """The error for an error object inside a stream that began with status 200."""
    found = _match_message("", message, None)
    return found or RetryableError(
        BackendRefused(f"the model server reported an error inside its reply: {message}", status=500)
    )


def incomplete_stream() -> RetryableError:
    """The error for a stream that ended without a `finish_reason`: a connection that breaks may look like its end."""
    return RetryableError(BackendUnreachable("the model server's reply ended early", hint="see the server's log"))


def connection_error(base_url: str, error: BaseException) -> RetryableError:
    """The error for a connection that failed, timed out, or gave what is no answer; `error` is what was raised."""
    import httpx2

    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    if any(isinstance(each, httpx2.ReadTimeout) for each in chain):
        message = f"the model server at {base_url} keeps the connection open and sends nothing"
        hint = "see the server's log; is it still working?"
        return RetryableError(BackendUnreachable(message, hint=hint), idle=True)
    detail = str(chain[-1]) or str(error) or type(error).__name__
    return RetryableError(
        BackendUnreachable(
            f"the model server at {base_url} can't be reached: {detail}",
            hint="is it running, and is --base-url right? `swe-agent doctor` checks",
        )
    )


def is_connection_error(error: Exception) -> bool:
    """Whether an exception is the connection's (of the HTTP library, a socket, bytes that are no JSON), not ours."""
    import httpx2

    return isinstance(error, (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError))


def _detail(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {"message": body} if isinstance(body, str) else {}
    nested = body.get("error")
    return nested if isinstance(nested, dict) else body


def _match_message(kind: str, message: str, window: Any) -> BackendError | None:
    """The error that servers give by their message rather than by the status; `window` is theirs in tokens."""
    if kind == "exceed_context_size_error" or _OVERFLOW.search(message):
        stated = _WINDOW.search(message)
        held = window if isinstance(window, int) else int(stated[1]) if stated else None
        return ContextOverflow(f"the request is longer than the window: {message}", window=held)
    if _UNPARSABLE.search(message):
        return ReplyUnparsable(f"the server could not parse its model's reply: {message}")
    return None
