"""What a session's tool calls have done: files read and changed, commands, the last test run, the plan.

A fold over the journal, so that a resumed session has it too. Its size is bounded, however long the session is.
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
"""Of those read and of those changed; the most recent ones are kept."""
MAX_ACTIONS = 60
"""The most recent ones are kept."""
_MAX_ACTION = 160  # characters
_MAX_TEST_OUTPUT = 1_200  # characters
_MAX_FAILURES = 10  # names of failing tests
_READING_TOOLS = {"read_file", "outline"}
_EDITING_TOOLS = {"edit_file", "write_file"}
_PATH_ARGUMENTS = ("path", "file_path", "filename", "file", "filepath")
_PATCH_PATH = re.compile(
    r"^(?:\+\+\+ (?:b/)?|--- a/|\*\*\* (?:Add|Update|Delete) File: |\*\*\* Move to: )(?P<path>.+)$", re.M
)


class Activity:
    """The account of one attempt by one strategy, built event by event; another one begins it anew.

    `actions` describes the calls, a line each; `last_tests` is what the last test run printed, `plan` the plan as the
    tool keeps it, `last_message` the prose of the last reply with any. Paths are as the model wrote them, normalised.
    """

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
        """Fold one event in."""
        match event:
            case ModelReplied(purpose="step"):
                self._calls = {call.id: call for call in event.tool_calls}
                self.last_message = event.content.strip() or self.last_message
            case Observed():
                self._add_observation(event)
            case TestsRan(phase="candidate"):
                failed = ", ".join(event.failures[:_MAX_FAILURES]) + (
                    ", …" if len(event.failures) > _MAX_FAILURES else ""
                )
                verdict = "passed" if event.passed else "failed"
                self.last_tests = f"`{event.command}` {verdict}{': ' + failed if failed else ''}"
            case AttemptBegan() | StrategyChanged():
                self._begin()

    def _add_observation(self, event: Observed) -> None:
        call = self._calls.pop(event.call_id, None)
        given = loads(call.arguments) if call else None
        given = given if isinstance(given, dict) else {}
        path = next((str(given[key]) for key in _PATH_ARGUMENTS if given.get(key)), "")
        if event.name in _READING_TOOLS and event.ok and path:
            _move_to_end(self._read, path)
        elif event.name in _EDITING_TOOLS and event.ok and path:
            _move_to_end(self._changed, path)
        elif event.name == "apply_patch" and event.ok:
            for found in _PATCH_PATH.finditer(str(given.get("patch") or "")):
                _move_to_end(self._changed, found["path"].split("\t")[0])
        elif event.name == "plan" and event.ok:
            self.plan = "\n".join(line for line in event.content.splitlines() if line.startswith("["))
        elif event.name == "run_tests":
            self.last_tests = _head_and_tail(event.content, _MAX_TEST_OUTPUT)
        if event.name not in {"plan", "submit"}:
            self.actions.append(_describe(event, given, path))


def _move_to_end(files: dict[str, None], path: str) -> None:
    """Add a path as the most recent one, and drop the oldest beyond the limit."""
    path = normpath(path.strip()) if path.strip() else ""
    if not path or path == "/dev/null":
        return
    files.pop(path, None)
    files[path] = None
    while len(files) > MAX_FILES:
        del files[next(iter(files))]


def _describe(event: Observed, given: dict[str, Any], path: str) -> str:
    """A call and its outcome on one line."""
    about = str(given.get("command") or given.get("pattern") or given.get("name") or given.get("target") or path)
    words = " ".join(f"{event.name} {about}".split())[:_MAX_ACTION]
    if "exit_code" in event.meta:
        return f"{words} → exit code {event.meta['exit_code']}: {_last_line(event.content)}".rstrip(": ")
    return words if event.ok else f"{words} → failed: {_first_line(event.content)}"


def _last_line(content: str) -> str:
    """The last line that a command printed, without the note on how it ended."""
    lines = [line.strip() for line in content.splitlines() if line.strip() and not line.startswith(("[", "$ "))]
    return lines[-1][:_MAX_ACTION] if lines else ""


def _first_line(content: str) -> str:
    return next((line.strip() for line in content.splitlines() if line.strip()), "")[:_MAX_ACTION]


def _head_and_tail(text: str, characters: int) -> str:
    """A text, or its beginning and end if it is longer than so many characters."""
    if len(text) <= characters:
        return text
    return f"{text[: characters // 3].rstrip()}\n[...]\n{text[-(characters - characters // 3) :].lstrip()}"
