"""How many prompt tokens the real llama.cpp server processes again, over a long session and its compactions.

Run it with `python benchmarks/prefix.py`. A session of the agent strategy works on a small repository; its steps are
scripted, so that they are the same for every model: each request goes to the bundled runtime, which processes the
prompt, generates one token and reports the tokens found in its cache; the answer that the session sees is the script's.
The figure of a step is `cached ÷ the previous turn's total tokens`.

`--model hybrid` takes a small model of Qwen3-Coder-Next's architecture with random weights (hybrid.py), whose tokens
are bytes: `--window 65536` is as much text as 16K tokens elsewhere.

It exits with 1 where a step outside a compaction is under 99%, or a compaction costs more than one full prompt.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

from agent.bundled.server import BundledServer
from agent.catalogue.download import pull
from agent.catalogue.modes import ToolCallMode
from agent.catalogue.profiles import find_profile
from agent.config import Settings
from agent.forge.issue import Issue
from agent.loop import run_session
from agent.model.servers.probe import open_server
from agent.model.tool_calling import TOOL_CALL_MODES, ToolCallModeMemory
from agent.repo.host import HostRepository
from agent.session.events import Compacted, Event, ModelReplied, PromptBegan, Result, Warned
from agent.session.session import only_journalled
from agent.task import Task
from benchmarks.hybrid import write_hybrid

HYBRID = "hybrid"
MIN_CACHED = 0.99
FULL_PROMPT = 0.5
"""A prompt whose share is below this counts as processed from the beginning."""
SUMMARY_REQUEST = "Call no tool now."
SUMMARY = (
    "Goal: add must give sums\nDone:\n- read calc.py and its tests\nDecisions:\n- change add alone\n"
    "Facts:\n- calc.py:3 subtracts\nNext step: go on reading\n"
)
SOURCE = 'def add(a, b):\n    """Return the sum."""\n    return a - b\n'


class Script:
    """The model's action at each step: reads, edits, commands; at the end it fixes the bug and submits."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._at = 0

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        if SUMMARY_REQUEST in str(body["messages"][-1]["content"]):
            return {"role": "assistant", "content": SUMMARY}
        self._at += 1
        name, arguments = self._call(self._at)
        if "tools" not in body:
            return {"role": "assistant", "content": json.dumps({"name": name, "arguments": arguments})}
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"call{self._at:05}", "type": "function", "function": function}
        return {"role": "assistant", "content": f"Step {self._at}.", "tool_calls": [call]}

    def _call(self, at: int) -> tuple[str, dict[str, Any]]:
        if at == self._steps + 1:
            return "edit_file", {"path": "calc.py", "old": "return a - b", "new": "return a + b"}
        if at > self._steps:
            return "submit", {"summary": "add subtracted"}
        return (
            ("read_file", {"path": "words.py", "start_line": 1 + 7 * (at % 90), "end_line": 12 + 7 * (at % 90)}),
            ("write_file", {"path": f"notes_{at % 7}.py", "content": f"STEP = {at}\n"}),
            ("shell", {"command": f"echo step {at}; ls"}),
            ("search", {"pattern": f"word_{at}"}),
        )[at % 4]


@contextmanager
def between(upstream: str, script: Script) -> Iterator[str]:
    """A proxy that has replies of one token generated and answers with the script's."""
    where = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silence."""

        def do_GET(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(data) if data else None
            asked = urlsplit(self.path).path.endswith("/chat/completions")
            if asked:
                short = {"max_tokens": 1, "stream": False, "return_progress": False}
                sent = {key: value for key, value in body.items() if key != "stream_options"} | short
                data = json.dumps(sent).encode()
            connection = HTTPConnection(where.hostname or "", where.port, timeout=3600)
            headers = {"Content-Type": "application/json"} if data else {}
            connection.request(self.command, self.path, data or None, headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
            connection.close()
            if asked and status == 200:
                whole = json.loads(content)
                message = script.message(body)
                reason = "tool_calls" if message.get("tool_calls") else "stop"
                whole["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]
                content = json.dumps(whole).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the library's name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{where.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Step:
    """One reply: number, purpose, tokens of its prompt, those found in the cache, all tokens of the turn before."""

    number: int
    purpose: str
    prompt: int
    cached: int
    before: int
    begins: bool

    @property
    def share(self) -> float:
        """The cached share of the turn before, 0 to 1."""
        return self.cached / self.before if self.before else 1.0


def steps_of(events: list[Event]) -> list[Step]:
    """The replies of a session; those with `begins` are the first of a prompt."""
    steps: list[Step] = []
    before, begins = 0, True
    for event in events:
        if isinstance(event, PromptBegan):
            begins = True
        elif isinstance(event, ModelReplied):
            usage = event.usage
            steps.append(Step(len(steps) + 1, event.purpose, usage.prompt_tokens, usage.cached_tokens, before, begins))
            before, begins = usage.prompt_tokens + usage.completion_tokens, False
    return steps


def make_repository(place: Path) -> Path:
    """A git repository with a bug, a test that shows it, and something to read."""
    words = "".join(f"def word_{at}(value):\n    return value * {at}\n" for at in range(400))
    test = (
        "import unittest\n\nfrom calc import add\n\n\nclass Tests(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n"
    )
    place.mkdir()
    for name, text in {"calc.py": SOURCE, "test_calc.py": test, "words.py": words}.items():
        (place / name).write_text(text)
    identity = ["-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "commit.gpgSign=false"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(place), *identity, *command], check=True, stdout=subprocess.DEVNULL)
    return place


async def run(model: str, steps: int, window: int, mode: ToolCallMode, place: Path) -> list[Event]:
    """The events of one session with the bundled runtime. Raises `BackendError`s."""
    path = write_hybrid(place / "hybrid.gguf") if model == HYBRID else await pull(find_profile(model))
    async with BundledServer(path, context=window, parallel=1, log_path=place / "server.log") as server:
        with between(server.base_url, Script(steps)) as url:
            return await session(url, steps, window, mode, place)


async def session(url: str, steps: int, window: int, mode: ToolCallMode, place: Path) -> list[Event]:
    """The events of one session with the server at `url`, its calls asked for in one way. Raises `BackendError`s."""
    server = await open_server(url, context=window)
    ToolCallModeMemory().remember(server, mode, "benchmark")
    await server.close()
    events: list[Event] = []
    settings = {"base_url": url, "sandbox": "local", "strategy": "agent", "max_steps": 2 * steps + 20}
    directory = place / "session"
    directory.mkdir()
    task = Task(
        "prefix",
        directory,
        Issue("add gives wrong sums", "`add(2, 3)` gives -1 instead of 5.", "benchmark"),
        HostRepository.open(make_repository(place / "repository"), "HEAD"),
        Settings.model_validate(settings | {"context": window, "test": "python3 -m unittest"}),
        subscribers=(only_journalled(events.append), only_journalled(_print)),
    )
    await run_session(task)
    return events


def _print(event: Event) -> None:
    if isinstance(event, ModelReplied):
        usage = event.usage
        print(
            f"{event.purpose}: prompt {usage.prompt_tokens}, cached {usage.cached_tokens}", file=sys.stderr, flush=True
        )
    elif isinstance(event, Warned):
        print(f"! {event.message}", file=sys.stderr, flush=True)


def report(events: list[Event]) -> bool:
    """Print the figures; returns whether they are within the limits."""
    steps = steps_of(events)
    compactions = [event for event in events if isinstance(event, Compacted)]
    inside = [step for step in steps if not step.begins and step.purpose == "step"]
    asked = [step for step in steps if step.purpose == "summary"]  # at times without the latest step
    low = [step for step in inside if step.share < MIN_CACHED]
    full = [step for step in steps[1:] if step.share < FULL_PROMPT]
    result = next((event for event in events if isinstance(event, Result)), None)
    print(f"replies                  {len(steps)}")
    print(f"compactions              {len(compactions)}, by {sorted({each.by for each in compactions})}")
    print(f"cached ÷ turn before     {min((step.share for step in inside), default=0):.4f} at the least")
    shares = [(step.number, round(step.share, 4)) for step in low[:10]]
    print(f"under {MIN_CACHED:.0%}                {len(low)}: {shares}")
    print(f"asked for a summary      {min((step.share for step in asked), default=0):.4f} at the least")
    print(f"processed as a whole     {len(full)} after the first")
    print(f"tokens sent / processed  {sum(s.prompt for s in steps):,} / {sum(s.prompt - s.cached for s in steps):,}")
    print(f"the session              {result.status if result else 'did not end'}")
    return not low and len(full) <= len(compactions) and result is not None and result.status == "fixed"


def main() -> int:
    """Run it and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help=f"of the catalogue, or {HYBRID}")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--window", type=int, default=16_384, help="tokens")
    parser.add_argument("--mode", choices=TOOL_CALL_MODES, default="native", help="how calls are asked for")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SWE_AGENT_HOME"] = os.environ.get("SWE_AGENT_HOME", str(Path(folder) / "home"))
        events = anyio.run(run, given.model, given.steps, given.window, given.mode, Path(folder))
        return 0 if report(events) else 1


if __name__ == "__main__":
    sys.exit(main())
