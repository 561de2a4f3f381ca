"""Ollama, by its own API: its OpenAI-compatible one drops the window that is asked for.

Source: ollama, docs/api.md and docs/context-length.mdx.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar, Self

from agent.errors import ModelUnavailable
from agent.model.errors import (
    body_of,
    connection_error,
    incomplete_stream,
    is_connection_error,
    message_of,
    status_error,
    stream_error,
)
from agent.model.repetition import RepetitionWatch
from agent.model.reply_builder import call_of, join_surrogates
from agent.model.servers.base import ENOUGH, NO_MODEL, Address, Capabilities, OnProgress, Server, Window
from agent.model.types import REPETITION, OnText, OnWait, Reply, Request, Timings, Usage

KEEP_ALIVE = "1h"
"""How long the model stays loaded after a request: longer than the commands of one step take."""
LOAD_SECONDS = 900.0


class Ollama(Server):
    """The window is asked for when the model is loaded and kept constant: another one would load the model again."""

    name: ClassVar[str] = "Ollama"

    @classmethod
    async def recognise(cls, address: Address, model: str, entry: dict[str, Any]) -> Self | None:
        """By `/api/version` and `/api/ps`."""
        del entry
        version = (await address.get("/api/version") or {}).get("version")
        if not isinstance(version, str) or await address.get("/api/ps") is None:
            return None
        server = cls(address, model, version=version)
        server.can = Capabilities(constrain="format", continues=True)
        return server

    async def inspect(self) -> None:
        """By `/api/ps` where the model is loaded, and `/api/show` where it was pulled."""
        trained = self._trained(await self._show() or {})
        self.window = Window(await self._held(), None, trained)
        self.advice = self._advice_after(None)

    async def load(self, context: int | None, on_progress: OnProgress) -> None:
        """Pull the model if it is not there, and load it with a window of `context` tokens.

        Without `context` that is the present one if it is enough, else 32,768 or the model's own. Raises
        `ModelUnavailable`.
        """
        trained = self._trained(await self._show() or await self._pulled(on_progress))
        before = await self._held()
        enough = min(trained or ENOUGH, ENOUGH)
        wanted = min(context or max(enough, before or 0), trained or context or ENOUGH)
        self.window = Window(wanted, context, trained)
        if before != wanted:
            on_progress(f"Ollama is loading {self.model} with a window of {wanted:,} tokens")
            body = {"model": self.model, "keep_alive": KEEP_ALIVE, "options": {"num_ctx": wanted}}
            await self.address.post("/api/generate", body | {"stream": False}, seconds=LOAD_SECONDS)
            self.window = Window(await self._held() or wanted, context, trained)
        self.advice = self._advice_after(before)

    def _trained(self, shown: dict[str, Any]) -> int | None:
        """The trained window in an answer of `/api/show`; sets whether the model supports tools."""
        capabilities = shown.get("capabilities")
        if isinstance(capabilities, list):
            self.can = replace(self.can, tools="tools" in capabilities)
        info = shown.get("model_info") or {}
        figures = (value for key, value in info.items() if key.endswith(".context_length"))
        return next((value for value in figures if isinstance(value, int)), None)

    def _advice_after(self, before: int | None) -> str:
        held, trained = self.window.held or 0, self.window.trained
        if (advice := self._advice()) and (self.window.asked or held < min(trained or ENOUGH, ENOUGH)):
            return advice
        if before is not None and before < held:
            return f"Ollama held a window of {before:,} tokens and was made to load {self.model} again with {held:,}"
        return ""

    async def _show(self) -> dict[str, Any] | None:
        return await self.address.post("/api/show", {"model": self.model})

    async def running(self) -> str | None:
        """By `/api/ps`."""
        return next((str(each["name"]) for each in await self._loaded() if each.get("name")), None)

    async def _loaded(self) -> list[dict[str, Any]]:
        models = (await self.address.get("/api/ps") or {}).get("models")
        return [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []

    async def _held(self) -> int | None:
        """The window that the model is loaded with; None when it is not loaded, or the version does not say."""
        names = {self.model, f"{self.model}:latest"}
        loaded = await self._loaded()
        figures = (each.get("context_length") for each in loaded if names & {each.get("name"), each.get("model")})
        return next((figure for figure in figures if isinstance(figure, int) and figure > 0), None)

    async def _pulled(self, on_progress: OnProgress) -> dict[str, Any]:
        """Have Ollama pull the model, with its progress at every twentieth; returns the answer of `/api/show`."""
        percent = -1
        if self.model == NO_MODEL:
            raise ModelUnavailable("Ollama has no model yet", hint="name one with --model: it will be pulled")
        on_progress(f"Ollama does not have {self.model}; it is getting it")
        try:
            async for line in self._lines("/api/pull", {"model": self.model, "stream": True}):
                total, done = line.get("total"), line.get("completed") or 0
                if isinstance(total, int) and total > 0 and 100 * done // total // 5 != percent // 5:
                    percent = 100 * done // total
                    on_progress(f"Ollama is getting {self.model}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
        except Exception as error:
            raise ModelUnavailable(
                f"Ollama can't get {self.model}: {error}", hint="`ollama list` shows what it has"
            ) from error
        if not (shown := await self._show()):
            raise ModelUnavailable(f"Ollama does not have {self.model}", hint=f"ollama pull {self.model}")
        return shown

    async def reply(self, request: Request, on_text: OnText, on_wait: OnWait) -> Reply:
        """By `/api/chat`."""
        del on_wait  # it has no progress of the prompt
        started = time.monotonic()
        content, reasoning, calls = [request.begun], [], []
        watch = RepetitionWatch()
        last: dict[str, Any] = {}
        async for line in self._lines("/api/chat", self.body(request)):
            message = line.get("message") or {}
            calls += [call_of(each) for each in message.get("tool_calls") or []]
            reasoning.append(message.get("thinking") or "")
            piece = message.get("content") or ""
            if len(content) == 1 and request.begun and piece.startswith(request.begun):
                content = [""]
            content.append(piece)
            if piece:
                on_text(piece)
            if line.get("done"):
                last = line
            elif watch.add(piece or reasoning[-1]):
                last = {"done_reason": REPETITION}
                break
        if not last:
            raise incomplete_stream()
        return Reply(
            join_surrogates("".join(content)),
            join_surrogates("".join(reasoning)),
            tuple(call for call in calls if call),
            str(last.get("done_reason") or "stop"),
            Usage(prompt_tokens=last.get("prompt_eval_count") or 0, completion_tokens=last.get("eval_count") or 0),
            time.monotonic() - started,
            _timings(last),
        )

    async def _lines(self, path: str, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The JSON lines of an answer. Raises `RetryableError` and `BackendError`s, also for a line with an error."""
        http, url = self.address.http, self.address.root + path
        try:
            async with http.stream("POST", url, json=body) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise status_error(answer.status_code, body_of(answer.text), answer.headers)
                async for line in answer.aiter_lines():
                    if not line.strip():
                        continue
                    found = json.loads(line)
                    if "error" in found:
                        raise stream_error(message_of(found, "it gave no reason"))
                    yield found
        except Exception as error:
            if is_connection_error(error):
                raise connection_error(self.address.base_url, error) from error
            raise

    def body(self, request: Request) -> dict[str, Any]:
        """The request as it is sent. The server must refuse a prompt that is too long instead of truncating it."""
        sampling = request.sampling
        options: dict[str, Any] = {"num_ctx": self.window.held, "num_predict": request.max_tokens}
        for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed"):
            if (value := getattr(sampling, name)) is not None:
                options[name] = value
        messages = _messages(request.messages)
        if request.begun:
            messages.append({"role": "assistant", "content": request.begun})
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": KEEP_ALIVE,
            "options": options,
        }
        if request.tools:
            body["tools"] = request.tools
        if request.json_schema is not None:
            body["format"] = request.json_schema
        return body

    def _remedy(self, window: int) -> str:
        return f"for more, say --context {window}, if its memory permits"


def _messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages in Ollama's form: arguments are objects, a result names its tool."""
    names: dict[str, str] = {}
    converted = []
    for message in messages:
        if message["role"] == "tool":
            name = names.get(message["tool_call_id"], "")
            call_id = message["tool_call_id"]
            converted.append(
                {"role": "tool", "content": message["content"], "tool_name": name, "tool_call_id": call_id}
            )
            continue
        calls = message.get("tool_calls") or []
        names.update((call["id"], call["function"]["name"]) for call in calls)
        one = {"role": message["role"], "content": message.get("content") or ""}
        if calls:
            one["tool_calls"] = [
                {
                    "id": call["id"],
                    "function": {
                        "name": call["function"]["name"],
                        "arguments": json.loads(call["function"]["arguments"]),
                    },
                }
                for call in calls
            ]
        converted.append(one)
    return converted


def _timings(last: dict[str, Any]) -> Timings | None:
    """The timings, which the API gives in nanoseconds."""
    read, generated = last.get("prompt_eval_duration"), last.get("eval_duration")
    if not isinstance(read, int) or not isinstance(generated, int):
        return None
    return Timings(last.get("prompt_eval_count") or 0, read / 1e9, last.get("eval_count") or 0, generated / 1e9)
