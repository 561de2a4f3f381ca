"""A session as a SWE-agent trajectory: the form that mini-swe-agent writes and that its inspector opens.

It has only what the model was shown and replied; the test runs and other events are in the other formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.model.types import Usage
from agent.session.events import BackendFound, Ended, Event, Observed, Result, SessionStarted
from agent.session.export.atif import parsed_arguments
from agent.session.export.masking import Mask
from agent.session.export.turns import MessageTurn, ReplyTurn, turns
from agent.session.records import Record

FORMAT = "mini-swe-agent-1.1"
_EXIT = {
    "submitted": "Submitted",
    "gave_up": "GaveUp",
    "budget": "LimitsExceeded",
    "interrupted": "Interrupted",
    "failed": "Error",
}


def swe_agent(records: Iterable[Record], mask: Mask) -> Iterator[str]:
    """The trajectory as one JSON object, in pieces: one for each message, then its end.

    It is ASCII, since its readers use the system's encoding.
    """
    records = list(records)
    events = [record.event for record in records]
    yield '{"trajectory_format": "' + FORMAT + '", "messages": [\n'
    usage, replies, separator = Usage(), 0, ""
    for turn in turns(records):
        if isinstance(turn, MessageTurn):
            made = [{"role": turn.role, "content": turn.content, "extra": {"timestamp": turn.time}}]
        elif isinstance(turn, ReplyTurn):
            made = [_assistant(turn), *(_tool(time, event) for time, event in turn.results)]
            if turn.reply is not None:
                usage, replies = usage + turn.reply.usage, replies + 1
        else:
            continue
        for message in made:
            yield separator + mask.dump(message, ascii_only=True)
            separator = ",\n"
    status, final = _exit(events)
    ending = {"exit_status": status, "submission": final.patch if final else ""}
    if status:
        summary = final.summary or final.error or status if final else status
        yield separator + mask.dump({"role": "exit", "content": summary, "extra": ending}, ascii_only=True)
    stats = {
        "instance_cost": 0.0,
        "api_calls": replies,
        "tokens_sent": usage.prompt_tokens,
        "tokens_received": usage.completion_tokens,
    }
    info = {"model_stats": stats, "config": _config(events), **ending}
    yield '\n], "info": ' + mask.dump(info, ascii_only=True) + "}\n"


def _exit(events: list[Event]) -> tuple[str, Result | None]:
    """How the session ended, in the format's terms, and its result; empty and None if it has not ended."""
    final = events[-1] if events and isinstance(events[-1], Result) else None
    if final is None:
        return "", None
    ended = next((event for event in reversed(events) if isinstance(event, Ended)), None)
    return ("Error" if final.status == "error" or ended is None else _EXIT[ended.status]), final


def _config(events: list[Event]) -> dict[str, Any]:
    started = next((event for event in events if isinstance(event, SessionStarted)), None)
    backend = next((event for event in events if isinstance(event, BackendFound)), None)
    agent: dict[str, Any] = {"name": "swe-agent"}
    if started:
        agent |= {"version": started.version, "strategy": started.strategy, "session_id": started.session_id}
    model = {"model_name": backend.model, "server": backend.server, "window": backend.window} if backend else {}
    return {"agent": agent, "model": model}


def _assistant(turn: ReplyTurn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.reply.content if turn.reply else ""}
    if turn.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
    actions = [
        {"command": _command(call.name, call.arguments), "tool": call.name, "tool_call_id": call.id}
        for call in turn.calls
    ]
    message["extra"] = {"actions": actions, "timestamp": turn.time, "cost": 0.0}
    if turn.reply is not None:
        if turn.reply.reasoning:
            message["reasoning_content"] = turn.reply.reasoning
        message["extra"]["purpose"] = turn.reply.purpose
    return message


def _command(name: str, arguments: str) -> str:
    """A shell call's command, or any other call on one line."""
    given = parsed_arguments(arguments) or {}
    return str(given["command"]) if name == "shell" and "command" in given else f"{name} {arguments}"


def _tool(time: float, event: Observed) -> dict[str, Any]:
    extra: dict[str, Any] = {"timestamp": time, "ok": event.ok}
    if "exit_code" in event.meta:
        extra["returncode"] = event.meta["exit_code"]
    return {"role": "tool", "tool_call_id": event.call_id, "name": event.name, "content": event.content, "extra": extra}
