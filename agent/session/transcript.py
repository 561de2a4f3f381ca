"""Events → the messages of the next request. It only grows: what was sent once is sent again, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agent.session.activity import Activity
from agent.session.events import Event, ModelReplied, Observed, PromptBegan, UserSaid


class Transcript:
    """The live prompt: begun by a `PromptBegan`, grown by replies, observations and messages.

    The first two messages are the system prompt and the issue, which ends with `summary` after a compaction; the rest
    are steps. `activity` is what the steps did, those too that are no longer in the prompt.
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
        """The system prompt and the issue as they were sent first, without a summary."""
        return [{**each, "content": each["content"].removesuffix(self.summary)} for each in self.messages[:2]]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All that came after the opening."""
        return self.messages[2:]

    def add(self, event: Event) -> None:
        """Take one event; those the model is not shown change nothing."""
        self.activity.add(event)
        match event:
            case PromptBegan():
                self.messages = list(event.messages)
                self.mode = event.mode
                self.summary = event.summary
            case UserSaid():
                self._user(event.content)
            case ModelReplied(purpose="step"):
                self._reply(event)
            case Observed():
                self._observation(event)

    def _user(self, content: str) -> None:
        """A message of the user's."""
        self.messages.append({"role": "user", "content": content})

    def _reply(self, event: ModelReplied) -> None:
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

    def _observation(self, event: Observed) -> None:
        if self.mode == "native":
            self.messages.append({"role": "tool", "tool_call_id": event.call_id, "content": event.content})
        else:
            self.messages.append({"role": "user", "content": f"{event.name}:\n{event.content}"})


def as_text(messages: Iterable[dict[str, Any]], write: Callable[[str, str], str]) -> list[dict[str, Any]]:
    """The same messages without native calls: each call, as `write(name, arguments)`, a reply of its own.

    Its result follows it as the user's text, so that both take turns, as many chat templates demand.
    """
    calls: dict[str, dict[str, Any]] = {}  # those whose results have not come yet, by id
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
