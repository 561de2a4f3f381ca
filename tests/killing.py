"""Sessions that are killed and resumed: a model that goes by what it is shown, and processes that end at an event."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import CALC, ScriptedModel, make_repository

from agent.session.events import Event, ModelReplied, Observed, Result, ToolCalled
from agent.session.journal import load

Call = tuple[str, str]
_INTERRUPTED = ("interrupted", "not run: the program")
# A process that kills itself once the journal has so many lines, in the midst of an append where that is where it falls.
_CHILD = """
import os, signal, sys
from agent.session.journal import Journal

last, whole = int(sys.argv.pop(1)), Journal.append_timed

def append(self, timed):
    events = list(timed)
    room = last - len(self.events)
    whole(self, events[:room] if 0 <= room else events)
    if 0 <= room <= len(events):
        os.kill(os.getpid(), signal.SIGKILL)

Journal.append_timed = append
from agent.__main__ import main
main()
"""


def script(steps: int) -> list[list[Call]]:
    """Replies of a session: edits that can't be made twice, commands that leave a trace each time, reads side by side."""
    made: list[list[Call]] = []
    for number in range(steps):
        kind = number % 5
        line = {"path": "numbers.txt", "old": f"line {number:03d}\n", "new": f"LINE {number:03d}\n"}
        trace = f"echo {number} >> log.txt; echo {number} >> $HOME/ran; cd /tmp"
        if kind == 0:
            made.append([("edit_file", json.dumps(line))])
        elif kind == 1:
            made.append([("shell", json.dumps({"command": trace}))])
        elif kind == 2:
            made.append([("read_file", json.dumps({"path": name})) for name in ("numbers.txt", "calc.py")])
        elif kind == 3:
            made.append([("edit_file", json.dumps(line)), ("shell", json.dumps({"command": trace}))])
        else:
            made.append([("write_file", json.dumps({"path": f"new/{number}.txt", "content": f"{number}\n"}))])
    fix = {"path": "calc.py", "old": "return a - b", "new": "return a + b"}
    made[len(made) // 2] = [("edit_file", json.dumps(fix))]
    return [*made, [("shell", json.dumps({"command": "cat $HOME/ran"}))]]


def wanted(body: dict[str, Any], replies: list[list[Call]]) -> dict[str, Any]:
    """The answer to a request: the calls of the script's first reply that were not all seen to their end.

    Of a reply that was interrupted in part, only what was not done is called again.
    """
    left = [list(reply) for reply in replies]
    calls: dict[str, Call] = {}
    for message in body["messages"]:
        for call in message.get("tool_calls") or []:
            calls[call["id"]] = (call["function"]["name"], call["function"]["arguments"])
        if message["role"] == "tool" and not message["content"].startswith(_INTERRUPTED):
            done = calls[message["tool_call_id"]]
            reply = next((each for each in left if done in each), None)
            if reply is not None:
                reply.remove(done)
    rest = next((reply for reply in left if reply), None)
    return {"calls": rest or [("submit", json.dumps({"summary": "all steps are done"}))]}


class Steps(ScriptedModel):
    """A model that works through a script, by what stands in the request and nothing else."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        replies = script(steps)
        self.answers = [lambda body: wanted(body, replies)]
        self._calls = 0

    def call_id(self, index: int) -> str:
        """One of its own for each call, as most servers give them."""
        self._calls += 1
        return f"call{self._calls:05d}"


def repository(place: Path, steps: int) -> Path:
    """What the script works on."""
    numbers = "".join(f"line {number:03d}\n" for number in range(steps))
    return make_repository(place, {**CALC, "numbers.txt": numbers})


@dataclass(frozen=True)
class Place:
    """Where sessions run, and against what."""

    home: Path
    repository: Path
    issue: Path
    base_url: str
    sandbox: str = "bubblewrap"

    @property
    def environment(self) -> dict[str, str]:
        """A home of its own, and nothing configured."""
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
        return {**keep, "SWE_AGENT_HOME": str(self.home / "data"), "XDG_CONFIG_HOME": str(self.home / "config")}

    @property
    def journal(self) -> Path:
        """The one session's journal."""
        (found,) = (self.home / "data" / "sessions").glob("*/journal.jsonl")
        return found

    def _argv(self, *more: str) -> list[str]:
        arguments = ["fix", "--issue", str(self.issue), "--repo", str(self.repository), "--base-url", self.base_url]
        return [*arguments, "--sandbox", self.sandbox, "--strategy", "agent", "--json", *more]

    def fix_until(self, events: int) -> None:
        """Run a session that kills itself when its journal has so many events."""
        self._die([str(events), *self._argv()])

    def resume_until(self, events: int) -> None:
        """The same for a session that goes on."""
        self._die([str(events), "resume", "--json"])

    def _die(self, arguments: list[str]) -> None:
        done = self._run([sys.executable, "-c", _CHILD, *arguments])
        assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr[-600:])

    def fix_for(self, seconds: float) -> int:
        """Run a session and kill it after that time; how it ended."""
        with subprocess.Popen(
            [sys.executable, "-m", "agent", *self._argv()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        ) as process:
            try:
                return process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                return process.wait()

    def fix(self) -> subprocess.CompletedProcess[str]:
        """Run a session to its end."""
        return self._run([sys.executable, "-m", "agent", *self._argv()])

    def resume(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Go on with the last session, to its end."""
        return self._run([sys.executable, "-m", "agent", "resume", "--json", *more])

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, capture_output=True, text=True, env=self.environment, timeout=600, check=False)


def result_of(events: list[Event]) -> Result:
    """The last result."""
    return next(event for event in reversed(events) if isinstance(event, Result))


def check(place: Place, patch: str, *, kill: Callable[[], object]) -> str:
    """Kill a session, resume it to its end, and hold what came of it against the patch of one that was left alone.

    What is wrong, in words; empty for nothing.
    """
    kill()
    if not list((place.home / "data").glob("sessions/*/journal.jsonl")):
        return ""  # there was no session yet
    journal = place.journal
    before = journal.read_bytes()
    events, whole = load(journal)
    over = any(isinstance(event, Result) for event in events)
    done = place.resume()
    if not events or over:
        return "" if done.returncode == 2 else f"there was nothing to resume, but its exit code is {done.returncode}"
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr[-600:]}"
    after, _ = load(journal)
    if not journal.read_bytes().startswith(before[:whole]):
        return "events that were in the journal are not there as they were"
    return "the patch is another" if result_of(after).patch != patch else _run_twice(after)


def _run_twice(events: list[Event]) -> str:
    """Whether a call of the model was run more than once, or a command left two traces without having been asked twice."""
    begun = Counter(event.call.id for event in events if isinstance(event, ToolCalled))
    asked = Counter(call.id for event in events if isinstance(event, ModelReplied) for call in event.tool_calls)
    seen = Counter(event.call_id for event in events if isinstance(event, Observed))
    if any(count > 1 for count in (*begun.values(), *seen.values())) or set(begun) - set(asked):
        return "a call was run twice"
    if set(asked) != set(seen):
        return "a call was never observed"
    last = [event.content for event in events if isinstance(event, Observed) and event.name == "shell"][-1]
    traces = Counter(line for line in last.splitlines() if line.isdigit())
    commands = Counter(
        json.loads(event.call.arguments)["command"].split()[1]
        for event in events
        if isinstance(event, ToolCalled) and event.call.name == "shell" and "log.txt" in event.call.arguments
    )
    return "" if all(traces[number] <= count for number, count in commands.items()) else "a command left two traces"
