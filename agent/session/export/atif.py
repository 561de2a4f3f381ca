"""A session in the Agent Trajectory Interchange Format, version 1.8.

The format's text: https://github.com/harbor-framework/harbor/blob/main/rfcs/0001-trajectory-format.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from agent.model.types import ToolCall, Usage
from agent.session.events import (
    EVENT,
    BackendFound,
    Event,
    ModelReplied,
    Observed,
    PromptBegan,
    Result,
    SessionStarted,
)
from agent.session.export.masking import Mask
from agent.session.export.turns import EventTurn, MessageTurn, ReplyTurn, turns
from agent.session.records import Record, timestamp

SCHEMA = "ATIF-v1.8"
_MAX_DEPTH = 64  # of nested arguments
_NOTES = (
    "Steps of the source `system` are the system prompt and what happened outside of the model (`extra.event`). When a "
    "prompt begins anew, what it takes over from the earlier one is not repeated; `extra.messages` is how many it has."
)


def atif(records: Iterable[Record], mask: Mask) -> Iterator[str]:
    """The trajectory as one JSON object, in pieces: its head, one for each step, its end."""
    records = list(records)
    events = [record.event for record in records]
    final = events[-1] if events and isinstance(events[-1], Result) else None
    started = next((event for event in events if isinstance(event, SessionStarted)), None)
    backend = next((event for event in events if isinstance(event, BackendFound)), None)
    session_id = started.session_id if started else ""
    head = {
        "schema_version": SCHEMA,
        "session_id": session_id,
        "trajectory_id": session_id,
        "agent": _agent(started, backend),
    }
    yield mask.dump(head)[:-1] + ', "steps": [\n'
    writer, separator = _Steps(backend.model if backend else "", final), ""
    for turn in turns(records):
        step = writer.step(turn)
        if step is not None:
            yield separator + mask.dump(step)
            separator = ",\n"
    tail = {"notes": _NOTES, "final_metrics": writer.final_metrics(), "extra": _about(started, final)}
    yield "\n], " + mask.dump(tail)[1:] + "\n"


class _Steps:
    """Makes the steps, numbers them and adds up their tokens."""

    def __init__(self, model: str, final: Result | None) -> None:
        self._root_model = self._model = model
        self._final = final
        self._usage = Usage()
        self._seconds = 0.0
        self._count = 0

    def step(self, turn: MessageTurn | ReplyTurn | EventTurn) -> dict[str, Any] | None:
        """The step of a turn; None for the result, which is part of the end."""
        if isinstance(turn, MessageTurn):
            made: dict[str, Any] = {"source": turn.role, "message": turn.content}
        elif isinstance(turn, ReplyTurn):
            made = self._agent_step(turn)
        elif turn.event is self._final:
            return None
        else:
            if isinstance(turn.event, BackendFound):
                self._model = turn.event.model
            made = _system_step(turn.event)
        self._count += 1
        return {"step_id": self._count, "timestamp": timestamp(turn.time), **made}

    def _agent_step(self, turn: ReplyTurn) -> dict[str, Any]:
        made: dict[str, Any] = {"source": "agent", "message": turn.reply.content if turn.reply else ""}
        extra: dict[str, Any] = {"tree": turn.tree} if turn.tree else {}
        if turn.reply is None:
            made["llm_call_count"] = 0
        else:
            self._usage = self._usage + turn.reply.usage
            self._seconds += turn.reply.seconds
            made |= _reply_fields(turn.reply)
            extra |= {"purpose": turn.reply.purpose, "parsed": turn.reply.parsed}
            if turn.reply.finish_reason:
                extra["finish_reason"] = turn.reply.finish_reason
            if self._model != self._root_model:
                made["model_name"] = self._model
        if turn.calls:
            made["tool_calls"] = [_call(call) for call in turn.calls]
        if turn.results:
            made["observation"] = {"results": [_result(event) for _, event in turn.results]}
        return made | ({"extra": extra} if extra else {})

    def final_metrics(self) -> dict[str, Any]:
        """The totals of all replies."""
        return {
            "total_prompt_tokens": self._usage.prompt_tokens,
            "total_completion_tokens": self._usage.completion_tokens,
            "total_cached_tokens": self._usage.cached_tokens,
            "total_steps": self._count,
            "extra": {"model_seconds": round(self._seconds, 3)},
        }


def _agent(started: SessionStarted | None, backend: BackendFound | None) -> dict[str, Any]:
    about: dict[str, Any] = {"name": "swe-agent", "version": started.version if started else "unknown"}
    if backend:
        about["model_name"] = backend.model
        about["extra"] = {"server": backend.server, "window": backend.window, "tool_calling": backend.tool_calling}
    return about


def _about(started: SessionStarted | None, final: Result | None) -> dict[str, Any]:
    """The task and the result."""
    about: dict[str, Any] = {"status": final.status if final else "unfinished"}
    if started:
        about |= {
            "issue": {"title": started.issue_title, "source": started.issue_source},
            "repository": started.repository,
            "base_commit": started.base_commit,
        }
    if final:
        fields = {
            "exit_code",
            "patch",
            "files",
            "verification",
            "strategy",
            "attempts",
            "seconds",
            "summary",
            "error",
        }
        about |= final.model_dump(mode="json", include=fields)
    return about


def _reply_fields(reply: ModelReplied) -> dict[str, Any]:
    usage = reply.usage
    metrics = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "extra": {"seconds": reply.seconds},
    }
    thoughts = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    return {"llm_call_count": 1, "metrics": metrics, **thoughts}


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = parsed_arguments(call.arguments)
    made: dict[str, Any] = {"tool_call_id": call.id, "function_name": call.name, "arguments": arguments or {}}
    if arguments is None:
        made["extra"] = {"arguments": call.arguments}
    return made


def parsed_arguments(text: str) -> dict[str, Any] | None:
    """A call's arguments; None if they are not a JSON object, or are nested unreasonably deep."""
    if text.count("[") + text.count("{") > _MAX_DEPTH and _depth(text) > _MAX_DEPTH:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _depth(text: str) -> int:
    """How deep brackets are nested, counting those in strings, too."""
    depth = max_depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            max_depth = max(max_depth, depth)
        elif character in "]}":
            depth -= 1
    return max_depth


def _result(event: Observed) -> dict[str, Any]:
    extra = {"ok": event.ok, "seconds": event.seconds} | ({"meta": event.meta} if event.meta else {})
    return {"source_call_id": event.call_id, "content": event.content, "extra": extra}


def _system_step(event: Event) -> dict[str, Any]:
    """The step of an event: its kind as a message, its fields in `extra`, its output as an observation."""
    fields = EVENT.dump_python(event, mode="json")
    kind = str(fields.pop("kind"))
    if isinstance(event, PromptBegan):
        fields["messages"] = len(event.messages)
        del fields["summary"]  # it is the end of the second message
    output = fields.pop("content" if isinstance(event, Observed) else "output", None)
    said = next((fields[name] for name in ("message", "reason", "phase", "command") if fields.get(name)), "")
    message = kind.replace("_", " ") + (f": {said}" if said else "")
    step: dict[str, Any] = {"source": "system", "message": message}
    if output:
        step["observation"] = {"results": [{"content": output}]}
    return step | {"extra": {"event": kind, **fields}}
