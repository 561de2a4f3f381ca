"""Chat completions: a request sent once to an OpenAI-compatible server by the `openai` package, its reply streamed.

Source: OpenAI's API reference, "Create chat completion"; how the package is used and what it costs:
docs/decisions/0013. Importing this module imports the package: `agent.model.library` does it in a thread.
"""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, AsyncStream, Omit

from agent.errors import BackendError
from agent.model.errors import (
    RetryableError,
    body_of,
    connection_error,
    incomplete_stream,
    is_connection_error,
    message_of,
    status_error,
    stream_error,
)
from agent.model.reply_builder import ReplyBuilder, reply_of
from agent.model.request_body import BodyWriter
from agent.model.types import OnText, OnWait, Reply

_EVENT_STREAM = "text/event-stream"
_OMITTED = dict.fromkeys(("Authorization", "X-Stainless-Retry-Count", "X-Stainless-Read-Timeout"), Omit())


class _Client(AsyncOpenAI):
    """The package's client without the headers that it takes from the environment or describes the machine by.

    `OPENAI_ORG_ID`, `OPENAI_CUSTOM_HEADERS` and the like are meant for OpenAI's own servers. The key is a header of the
    HTTP client.
    """

    @property
    def auth_headers(self) -> dict[str, str]:
        """None."""
        return {}

    @property
    def default_headers(self) -> dict[str, str | Omit]:
        """What the request and its answer are."""
        return {"Content-Type": "application/json", "Accept": f"{_EVENT_STREAM}, application/json"}


class ChatCompletions:
    """The chat completions endpoint below `base_url`; the HTTP client has the key and stays the caller's to close."""

    def __init__(self, base_url: str, http: httpx2.AsyncClient) -> None:
        self._base_url = base_url
        self._client = _Client(
            base_url=base_url, api_key="of the HTTP client", http_client=http, timeout=http.timeout, max_retries=0
        )
        self._writer = BodyWriter()

    async def send(self, body: dict[str, Any], on_text: OnText, on_wait: OnWait) -> Reply:
        """The whole reply to a request's body, whose fields beyond the original API are under `extra_body`.

        Where the reply repeats itself without end the connection is closed, which stops the server. Raises
        `RetryableError` and `BackendError`s, also for a stream that breaks off.
        """
        started = time.monotonic()
        try:
            stream = await self._client.post(
                "/chat/completions",
                content=self._writer.write(body),
                cast_to=object,  # chunks as plain dicts: making the API's types of them costs more than all the rest
                stream=True,
                stream_cls=AsyncStream[object],
                options={"headers": _OMITTED},
            )
            async with stream:
                if _EVENT_STREAM not in stream.response.headers.get("content-type", _EVENT_STREAM):
                    document = json.loads(await stream.response.aread())
                    return reply_of(document, time.monotonic() - started, on_text)
                builder = ReplyBuilder(on_text, on_wait)
                async for chunk in stream:
                    builder.add(chunk)
                    if builder.is_repetitive:
                        break
        except APIError as error:
            raise self._translate(error) from error
        except Exception as error:
            if is_connection_error(error):
                raise connection_error(self._base_url, error) from error
            raise
        if not builder.finish_reason:
            raise incomplete_stream()
        return builder.build(time.monotonic() - started)

    def _translate(self, error: APIError) -> RetryableError | BackendError:
        """The package's error as one of ours."""
        if isinstance(error, APIStatusError):
            return status_error(error.status_code, body_of(error.response.text), error.response.headers)
        if isinstance(error, APIConnectionError):
            return connection_error(self._base_url, error)
        return stream_error(message_of({"error": error.body}, "an error without a message"))
