"""Sessions written to disk as they would be, for tests of those who look at them from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent.model.types import ToolCall, Usage
from agent.session.events import (
    BackendFound,
    Ended,
    Event,
    ModelReplied,
    Observed,
    PromptBegan,
    Result,
    SandboxStarted,
    SessionStarted,
    SnapshotTaken,
    ToolCalled,
)
from agent.session.journal import Journal

FIRST = "20260131-142501-k3f9"
SECOND = "20260131-180000-x7mq"
THIRD = "20260202-090000-b2cd"
PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"


def started(name: str, **more: Any) -> SessionStarted:
    """The first event of the session `name`."""
    given = {
        "session_id": name,
        "version": "1.2.3",
        "issue_title": "add gives wrong sums",
        "issue_body": "`add(2, 3)` gives -1.",
        "issue_source": "issue.md",
        "repository": "/srv/code/calc",
        "base_commit": "c0ffee" * 6 + "c0ff",
        "strategy": "agent",
    }
    return SessionStarted.model_validate(given | more)


def backend(model: str = "qwen", seconds: float = 0.0) -> BackendFound:
    """What answers."""
    return BackendFound(base_url="http://127.0.0.1:1/v1", server="llama.cpp", model=model, window=8192, seconds=seconds)


def prompt(*messages: tuple[str, str], reason: str = "start") -> PromptBegan:
    """A prompt of messages (role, content)."""
    return PromptBegan(mode="native", messages=[{"role": r, "content": c} for r, c in messages], reason=reason)


def call(call_id: str, name: str = "shell", arguments: str | None = None, **given: Any) -> ToolCall:
    """A call; its arguments from the keywords where they are not given as text."""
    return ToolCall(id=call_id, name=name, arguments=json.dumps(given) if arguments is None else arguments)


def reply(content: str = "", *calls: ToolCall, **more: Any) -> ModelReplied:
    """A reply of 100 tokens of which 60 were cached, answered with 7, in half a second."""
    usage = Usage(prompt_tokens=100, cached_tokens=60, completion_tokens=7)
    return ModelReplied(content=content, tool_calls=list(calls), usage=usage, seconds=0.5, **more)


def ran(made: ToolCall, content: str, *, ok: bool = True, **meta: Any) -> list[Event]:
    """A call's intent and what it gave."""
    return [ToolCalled(call=made), Observed(call_id=made.id, name=made.name, ok=ok, content=content, meta=meta)]


def result(name: str, status: str = "fixed", patch: str = PATCH, **more: Any) -> Result:
    """The last event."""
    codes = {"fixed": 0, "budget": 5, "interrupted": 130}
    given = {"status": status, "exit_code": codes.get(status, 1), "session_id": name, "patch": patch, "steps": 2}
    return Result.model_validate(given | more)


def finished(name: str) -> list[Event]:
    """A short session from its beginning to its result."""
    look, edit = call("c1", "read_file", path="a.py"), call("c2", path="a.py", command="sed -i s/1/2/ a.py")
    return [
        started(name),
        backend(),
        SandboxStarted(sandbox="bubblewrap", tree="a" * 40),
        prompt(("system", "You fix one issue."), ("user", "Fix it.")),
        reply("Let me look.", look, reasoning="hm"),
        *ran(look, "1\ta = 1"),
        reply("", edit),
        *ran(edit, "[exit code 0]", exit_code=0),
        SnapshotTaken(tree="b" * 40),
        Ended(status="submitted", summary="a was 1"),
        result(name, summary="a was 1"),
    ]


def record(root: Path, name: str, *events: Event) -> Path:
    """Write a session with these events below `root`, the sessions' directory; its own."""
    with Journal(root / name / "journal.jsonl") as journal:
        journal.append(*(events or finished(name)))
    return root / name
