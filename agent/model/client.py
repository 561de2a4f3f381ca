"""The model client: one request to an OpenAI-compatible server, streamed, retried where that can help.

A reply is whole or it is an error: nothing of a broken stream is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_exponential_jitter,
)

from agent.errors import (
    BackendError,
    BackendRefused,
    BackendUnreachable,
    ContextOverflow,
    ReplyUnparsable,
)
from agent.model.types import Reply, Request, ToolCall, Usage, new_call_id

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 900.0  # without a byte; a long prompt on a slow machine takes minutes before the first one
RETRY_SECONDS = 120.0  # how long a server that went away is waited for
_MORE_SAMPLING = ("top_k", "min_p", "repeat_penalty")  # not of the original API; most local servers take them
_RETRIED_STATUS = {408, 409, 425, 429, 500, 502, 503, 504}

OnText = Callable[[str], None]


class _Transient(Exception):
    """An error that may be gone next time; `after` is the server's Retry-After in seconds."""

    def __init__(self, error: BackendError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


def open_client(base_url: str, api_key: str) -> AsyncOpenAI:
    """The SDK's client for a server; its own retries are off, since ours know more."""
    import httpx2
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        max_retries=0,
        timeout=httpx2.Timeout(connect=CONNECT_SECONDS, read=IDLE_SECONDS, write=120.0, pool=60.0),
    )


class ModelClient:
    """Sends requests for one model to one server."""

    def __init__(self, client: AsyncOpenAI, model: str, *, extra: dict[str, Any] | None = None) -> None:
        self._client = client
        self.model = model
        self._extra = extra or {}
        self._more_sampling = True  # top_k and its like, until the server refuses them

    async def complete(
        self, request: Request, on_text: OnText = lambda _: None, on_retry: OnText = lambda _: None
    ) -> Reply:
        """The reply to a request; `on_text` is called with its text as it comes.

        Retries what may be gone next time: lost connections, 408, 409, 425, 429 and 5xx, for up to two minutes,
        with jitter, heeding Retry-After. Raises `BackendUnreachable`, `BackendRefused`, `ContextOverflow`,
        `ReplyUnparsable`.
        """

        def say(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            on_retry(f"{error}; trying again in {state.upcoming_sleep:.0f} s")

        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, _Transient)),
            stop=stop_after_delay(RETRY_SECONDS),
            wait=_wait,
            before_sleep=say,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await self._once(request, on_text)
        except _Transient as error:
            raise error.error from error
        raise AssertionError("tenacity gives a reply or raises")

    async def _once(self, request: Request, on_text: OnText) -> Reply:
        try:
            return await self._sent(request, on_text)
        except BackendRefused as error:
            refused = error.status in {400, 422} and any(name in error.message for name in _MORE_SAMPLING)
            if not (refused and self._more_sampling):
                raise
            self._more_sampling = False
        return await self._sent(request, on_text)

    async def _sent(self, request: Request, on_text: OnText) -> Reply:
        import openai

        started = time.monotonic()
        try:
            raw = await self._client.chat.completions.with_raw_response.create(**self._body(request))
            if "text/event-stream" not in raw.headers.get("content-type", "text/event-stream"):
                await raw.http_response.aread()
                return _whole(raw.http_response.json(), time.monotonic() - started, on_text)
            gathered = _Gathered()
            async for chunk in raw.parse():
                gathered.add(chunk, on_text)
            if not gathered.finish_reason:  # a connection without a length ends the same way when it breaks
                raise _Transient(BackendUnreachable("the model server's reply broke off", hint="see the server's log"))
            return gathered.reply(time.monotonic() - started)
        except openai.APIStatusError as error:
            raise _status_error(error) from error
        except openai.APIConnectionError as error:
            raise _Transient(_unreachable(self._client, error)) from error
        except openai.APIError as error:  # an error object inside the stream
            raise _in_stream(error) from error
        except (
            OSError,
            ValueError,
        ) as error:  # a body that is no JSON, a connection that broke in the SDK's hands
            raise _Transient(_unreachable(self._client, error)) from error
        except Exception as error:
            if type(error).__module__.split(".")[0] in {"httpx2", "httpcore2", "httpx", "httpcore"}:
                raise _Transient(_unreachable(self._client, error)) from error
            raise

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": request.max_tokens,
        }
        if request.tools:
            body["tools"] = request.tools
        if request.json_schema is not None:
            schema = {"name": "reply", "strict": True, "schema": request.json_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        for name in ("temperature", "top_p", "seed"):
            if getattr(sampling, name) is not None:
                body[name] = getattr(sampling, name)
        extra = dict(self._extra)
        for name in _MORE_SAMPLING:
            if self._more_sampling and getattr(sampling, name) is not None:
                extra[name] = getattr(sampling, name)
        if extra:
            body["extra_body"] = extra
        return body


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Transient) and error.after is not None:
        return min(error.after, 60.0)
    return wait_exponential_jitter(initial=0.5, max=15.0, jitter=0.5)(state)


def _unreachable(client: AsyncOpenAI, error: Exception) -> BackendUnreachable:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    detail = str(cause) or str(error) or type(error).__name__
    return BackendUnreachable(
        f"the model server at {client.base_url} can't be reached: {detail}",
        hint="is it running, and is --base-url right?",
    )


def _status_error(error: Any) -> Exception:
    """The error for an HTTP status."""
    status = int(error.status_code)
    body = error.body if isinstance(error.body, dict) else {}
    nested = body.get("error")
    detail = nested if isinstance(nested, dict) else body
    message = str(detail.get("message") or error.message)
    lowered = message.lower()
    if detail.get("type") == "exceed_context_size_error" or (
        status == 400 and "context" in lowered and ("length" in lowered or "size" in lowered or "exceed" in lowered)
    ):
        return ContextOverflow(f"the request is longer than the window: {message}", window=detail.get("n_ctx"))
    if status == 500 and ("failed to parse input" in lowered or "peg-native" in lowered):
        return ReplyUnparsable(f"the server could not parse its model's reply: {message}")
    hint = {401: "is the API key right?", 403: "is the API key right?", 404: "is --model right?"}.get(status, "")
    refused = BackendRefused(f"the model server answered {status}: {message}", status=status, hint=hint)
    if status in _RETRIED_STATUS and "as json" not in lowered:
        after = error.response.headers.get("retry-after", "")
        return _Transient(refused, float(after) if after.replace(".", "", 1).isdigit() else None)
    return refused


def _in_stream(error: Any) -> Exception:
    message = str(getattr(error, "message", error))
    if "failed to parse" in message.lower():
        return ReplyUnparsable(f"the server could not parse its model's reply: {message}")
    return _Transient(BackendRefused(f"the model server broke off: {message}", status=500))


@dataclass
class _Gathered:
    """A reply being put together from the chunks of a stream."""

    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)  # index → name, arguments
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    last_index: int = -1

    def add(self, chunk: Any, on_text: OnText) -> None:
        """Take one chunk."""
        if chunk.usage is not None:
            self.usage = _usage(chunk.usage.model_dump())
        for choice in chunk.choices[:1]:
            delta = choice.delta
            if delta is not None:
                self._delta(delta, on_text)
            self.finish_reason = choice.finish_reason or self.finish_reason

    def _delta(self, delta: Any, on_text: OnText) -> None:
        if delta.content:
            self.content.append(delta.content)
            on_text(delta.content)
        reasoning = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if isinstance(reasoning, str):
            self.reasoning.append(reasoning)
        for call in delta.tool_calls or []:
            function = call.function
            index = call.index
            if index is None:  # some servers leave it out: a name begins a new call
                index = self.last_index + 1 if function and function.name else max(self.last_index, 0)
            self.last_index = index
            held = self.calls.setdefault(index, ["", ""])
            if function is not None:
                held[0] += function.name or ""
                held[1] += function.arguments or ""

    def reply(self, seconds: float) -> Reply:
        """The whole of it."""
        calls = [
            ToolCall(id=new_call_id(), name=name, arguments=arguments)
            for _, (name, arguments) in sorted(self.calls.items())
        ]
        return Reply(
            _text("".join(self.content)),
            _text("".join(self.reasoning)),
            tuple(calls),
            self.finish_reason,
            self.usage,
            seconds,
        )


def _text(text: str) -> str:
    """Surrogate pairs that came in two chunks joined; the half of one, which can't be stored, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(data: Any, seconds: float, on_text: OnText) -> Reply:
    """The reply of a server that does not stream."""
    try:
        choice = data["choices"][0]
        message = choice["message"]
    except (LookupError, TypeError) as error:
        raise _Transient(
            BackendRefused(f"the model server's answer holds no reply: {data!r:.300}", status=200)
        ) from error
    content = _text(message.get("content") or "")
    on_text(content)
    calls = []
    for call in message.get("tool_calls") or []:
        function = call["function"]
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):
            import json

            arguments = json.dumps(arguments, ensure_ascii=False)
        calls.append(ToolCall(id=new_call_id(), name=function["name"], arguments=arguments))
    return Reply(
        content,
        _text(message.get("reasoning_content") or ""),
        tuple(calls),
        choice.get("finish_reason") or "",
        _usage(data.get("usage") or {}),
        seconds,
    )


def _usage(data: dict[str, Any]) -> Usage:
    details = data.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=data.get("prompt_tokens") or 0,
        cached_tokens=details.get("cached_tokens") or 0,
        completion_tokens=data.get("completion_tokens") or 0,
    )
