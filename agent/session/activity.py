"""What the calls of a session did, as the program saw it: files read and changed, commands, the last tests, the plan.

A fold over the journal, so a resumed session has it too. It bounds itself, whatever the session's length.
"""

from __future__ import annotations

import re
from collections import deque
from posixpath import normpath
from typing import Any

from agent.model.dialects import loads
from agent.model.types import ToolCall
from agent.session.events import AttemptBegan, Event, ModelReplied, Observed, StrategyChanged, TestsRan

MAX_FILES = 200
"""Of each kind, those used last."""
MAX_ACTIONS = 60
_DEED = 160  # characters
_TESTS = 1_200  # characters of what the last tests printed
_READS = {"read_file", "outline"}
_WRITES = {"edit_file", "write_file"}
_PATHS = ("path", "file_path", "filename", "file", "filepath")
_IN_PATCH = re.compile(
    r"^(?:\+\+\+ (?:b/)?|--- a/|\*\*\* (?:Add|Update|Delete) File: |\*\*\* Move to: )(?P<path>.+)$", re.M
)


class Activity:
    """Taken event by event. Paths are as the model wrote them, without needless `./`."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._calls: dict[str, ToolCall] = {}
        self._read: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self.actions: deque[str] = deque(maxlen=MAX_ACTIONS)
        self.last_tests = ""
        self.plan = ""
        self.last_message = ""

    @property
    def files_read(self) -> list[str]:
        """Files that were read and not changed, the latest last."""
        return [path for path in self._read if path not in self._changed]

    @property
    def files_changed(self) -> list[str]:
        """Files that a call changed, the latest last."""
        return list(self._changed)

    def add(self, event: Event) -> None:
        """Take one event; another attempt or strategy begins with nothing done."""
        match event:
            case ModelReplied(purpose="step"):
                self._calls = {call.id: call for call in event.tool_calls}
                self.last_message = event.content.strip() or self.last_message
            case Observed():
                self._observed(event)
            case TestsRan(phase="candidate"):
                failed = ", ".join(event.failures[:10]) + (", …" if len(event.failures) > 10 else "")
                verdict = "passed" if event.passed else "failed"
                self.last_tests = f"`{event.command}` {verdict}{': ' + failed if failed else ''}"
            case AttemptBegan() | StrategyChanged():
                self._begin()

    def _observed(self, event: Observed) -> None:
        call = self._calls.pop(event.call_id, None)
        given = loads(call.arguments) if call else None
        given = given if isinstance(given, dict) else {}
        path = next((str(given[key]) for key in _PATHS if given.get(key)), "")
        if event.name in _READS and event.ok and path:
            _put(self._read, path)
        elif event.name in _WRITES and event.ok and path:
            _put(self._changed, path)
        elif event.name == "apply_patch" and event.ok:
            for found in _IN_PATCH.finditer(str(given.get("patch") or "")):
                _put(self._changed, found["path"].split("\t")[0])
        elif event.name == "plan" and event.ok:
            self.plan = "\n".join(line for line in event.content.splitlines() if line.startswith("["))
        elif event.name == "run_tests":
            self.last_tests = _ends(event.content, _TESTS)
        if event.name not in {"plan", "submit"}:
            self.actions.append(_deed(event, given, path))


def _put(files: dict[str, None], path: str) -> None:
    """As the latest one; the oldest go."""
    path = normpath(path.strip()) if path.strip() else ""
    if not path or path == "/dev/null":
        return
    files.pop(path, None)
    files[path] = None
    while len(files) > MAX_FILES:
        del files[next(iter(files))]


def _deed(event: Observed, given: dict[str, Any], path: str) -> str:
    """A call and what came of it, in a line."""
    about = str(given.get("command") or given.get("pattern") or given.get("name") or given.get("target") or path)
    words = " ".join(f"{event.name} {about}".split())[:_DEED]
    if "exit_code" in event.meta:
        return f"{words} → exit code {event.meta['exit_code']}: {_last_line(event.content)}".rstrip(": ")
    return words if event.ok else f"{words} → failed: {_first_line(event.content)}"


def _last_line(content: str) -> str:
    """The last line a command printed, without the words of its ending."""
    lines = [line.strip() for line in content.splitlines() if line.strip() and not line.startswith(("[", "$ "))]
    return lines[-1][:_DEED] if lines else ""


def _first_line(content: str) -> str:
    return next((line.strip() for line in content.splitlines() if line.strip()), "")[:_DEED]


def _ends(text: str, characters: int) -> str:
    """A text's beginning and end, where all of it is too long."""
    if len(text) <= characters:
        return text
    return f"{text[: characters // 3].rstrip()}\n[...]\n{text[-(characters - characters // 3) :].lstrip()}"
