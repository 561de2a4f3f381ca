"""What goes wrong between a model server and us, as errors: what may be gone next time, and what is final."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agent.errors import BackendError, BackendRefused, BackendUnreachable, ContextOverflow, ReplyUnparsable

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
_HINTS = {401: "is the API key right?", 403: "is the API key right?", 404: "is --model right?"}


class Transient(Exception):
    """An error that may be gone next time.

    `after` is the server's Retry-After in seconds; `silent` tells that the connection stood and nothing came.
    """

    def __init__(self, error: BackendError, after: float | None = None, *, silent: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after
        self.silent = silent


def message_of(body: Any, fallback: str = "") -> str:
    """The words of an error's body, in whichever of the usual places they stand."""
    detail = _detail(body)
    for key in ("message", "error", "detail"):
        if isinstance(detail.get(key), str) and detail[key].strip():
            return str(detail[key]).strip()
    return fallback


def status_error(status: int, body: Any, headers: Mapping[str, str], fallback: str = "") -> Transient | BackendError:
    """The error for an HTTP status other than 200, with the answer's JSON body if it had one."""
    detail = _detail(body)
    message = message_of(body, fallback or f"status {status}")
    if status != 429 and (found := _by_words(str(detail.get("type") or ""), message, detail.get("n_ctx"))):
        return found
    refused = BackendRefused(
        f"the model server answered {status}: {message}", status=status, hint=_HINTS.get(status, "")
    )
    # a history that holds arguments which are no JSON is refused for ever
    if status in _RETRIED and "as json" not in message.lower():
        return Transient(refused, _seconds(headers.get("retry-after", "")))
    return refused


def _seconds(after: str) -> float | None:
    """A Retry-After in seconds; None for a date, which clocks that differ make worthless."""
    return float(after) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", after.strip()) else None


def stream_error(message: str) -> Transient | BackendError:
    """The error for an error object inside a stream that began with 200."""
    found = _by_words("", message, None)
    return found or Transient(BackendRefused(f"the model server broke off: {message}", status=500))


def broken_off() -> Transient:
    """The stream ended without saying that the reply had."""
    return Transient(BackendUnreachable("the model server's reply broke off", hint="see the server's log"))


def unreachable(base_url: str, error: Exception) -> Transient:
    """The connection failed, or what came over it was no answer."""
    cause: BaseException = error
    silent = False
    while cause.__cause__ is not None:
        silent = silent or "ReadTimeout" in type(cause).__name__
        cause = cause.__cause__
    if silent or "ReadTimeout" in type(cause).__name__:
        told = f"the model server at {base_url} stays silent"
        return Transient(BackendUnreachable(told, hint="see the server's log; is it still working?"), silent=True)
    detail = str(cause) or str(error) or type(error).__name__
    return Transient(
        BackendUnreachable(
            f"the model server at {base_url} can't be reached: {detail}",
            hint="is it running, and is --base-url right? `swe-agent doctor` tells",
        )
    )


def is_connection_error(error: Exception) -> bool:
    """Whether an exception comes from the HTTP library or the socket, not from a mistake of ours."""
    library = type(error).__module__.split(".")[0] in {"httpx2", "httpcore2", "httpx", "httpcore"}
    return library or isinstance(error, (OSError, ValueError))


def _detail(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        return {"message": body} if isinstance(body, str) else {}
    nested = body.get("error")
    return nested if isinstance(nested, dict) else body


def _by_words(kind: str, message: str, window: Any) -> BackendError | None:
    """The errors that servers tell by words rather than by status."""
    if kind == "exceed_context_size_error" or _OVERFLOW.search(message):
        told = _WINDOW.search(message)
        held = window if isinstance(window, int) else int(told[1]) if told else None
        return ContextOverflow(f"the request is longer than the window: {message}", window=held)
    if _UNPARSABLE.search(message):
        return ReplyUnparsable(f"the server could not parse its model's reply: {message}")
    return None
