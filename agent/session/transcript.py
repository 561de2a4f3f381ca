"""The messages of the next request, folded from the events. They only grow: a request begins with the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agent.session.activity import Activity
from agent.session.events import Event, ModelReplied, Observed, PromptBegan, UserSaid


class Transcript:
    """The present prompt: begun by a `PromptBegan` event, extended by replies, observations and user messages.

    The first two messages are the system prompt and the issue, which ends with `summary` after a compaction; the rest
    are steps. `mode` is how tool calls are asked for. `activity` covers all steps, also those no longer in the prompt.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.mode = "native"
        self.summary = ""
        self.activity = Activity()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Transcript:
        """The transcript of a journal."""
        transcript = cls()
        for event in events:
            transcript.add(event)
        return transcript

    @property
    def opening(self) -> list[dict[str, Any]]:
        """The system prompt and the issue as they were first sent, without a summary."""
        return [{**each, "content": each["content"].removesuffix(self.summary)} for each in self.messages[:2]]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The messages after the opening."""
        return self.messages[2:]

    def add(self, event: Event) -> None:
        """Fold one event in; events that the model is not shown change nothing."""
        self.activity.add(event)
        match event:
            case PromptBegan():
                self.messages = list(event.messages)
                self.mode = event.mode
                self.summary = event.summary
            case UserSaid():
                self.messages.append({"role": "user", "content": event.content})
            case ModelReplied(purpose="step"):
                self._add_reply(event)
            case Observed():
                self._add_observation(event)

    def _add_reply(self, event: ModelReplied) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": event.content}
        if event.tool_calls and self.mode == "native":
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in event.tool_calls
            ]
        self.messages.append(message)

    def _add_observation(self, event: Observed) -> None:
        if self.mode == "native":
            self.messages.append({"role": "tool", "tool_call_id": event.call_id, "content": event.content})
        else:
            self.messages.append({"role": "user", "content": f"{event.name}:\n{event.content}"})


def as_text(messages: Iterable[dict[str, Any]], write: Callable[[str, str], str]) -> list[dict[str, Any]]:
    """The same messages without native tool calls: each call becomes a reply, as `write(name, arguments)` has it.

    Its result follows as a user message, so that roles alternate, as many chat templates demand.
    """
    calls: dict[str, dict[str, Any]] = {}  # whose results are still to come, by id
    said: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            call = calls.pop(message["tool_call_id"], None)
            if call is not None:
                said.append({"role": "assistant", "content": write(call["name"], call["arguments"])})
            name = call["name"] if call else "result"
            said.append({"role": "user", "content": f"{name}:\n{message['content']}"})
        elif message.get("tool_calls"):
            calls = {call["id"]: call["function"] for call in message["tool_calls"]}
        else:
            said.append({"role": message["role"], "content": message["content"]})
    return said
