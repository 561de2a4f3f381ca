"""What tests share: a scripted model server, small git repositories, the command line as a user runs it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = dict[str, Any] | str | Callable[[dict[str, Any]], Any]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """An answer that is one native tool call."""
    return {"calls": [(name, json.dumps(arguments))]}


class ScriptedModel:
    """An OpenAI-compatible server whose model says what a script says, in order; the last answer repeats.

    An answer is text, `{"calls": [(name, arguments), ...], "content": ...}`, or a function of the request's body
    that gives one of these. Every request's body is kept in `requests`.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.model = "scripted"
        self.window = 65536
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        at = min(len(self.requests), len(self.answers)) - 1
        answer = self.answers[at]
        if callable(answer):
            answer = answer(body)
        return {"content": answer} if isinstance(answer, str) else answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                return

            def _send(self, status: int, kind: str, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                if self.path == "/v1/models":
                    entry = {"id": model.model, "object": "model", "max_model_len": model.window}
                    self._send(200, "application/json", json.dumps({"data": [entry]}).encode())
                else:
                    self._send(404, "text/plain", b"not found")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = model._next(body)
                if "status" in answer:
                    self._send(answer["status"], "application/json", json.dumps(answer.get("body", {})).encode())
                    return
                self._send(200, "text/event-stream", b"".join(_stream(answer, len(json.dumps(body)) // 4)))

        return Handler


def _stream(answer: dict[str, Any], prompt_tokens: int) -> Iterator[bytes]:
    def chunk(**fields: Any) -> bytes:
        return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", **fields}).encode() + b"\n\n"

    def delta(finish: str | None = None, **fields: Any) -> bytes:
        return chunk(choices=[{"index": 0, "delta": fields, "finish_reason": finish}])

    yield delta(role="assistant", content=answer.get("content") or "")
    calls = answer.get("calls", [])
    for index, (name, arguments) in enumerate(calls):
        opening = {"index": index, "id": f"call_{index}", "type": "function"}
        yield delta(tool_calls=[{**opening, "function": {"name": name, "arguments": ""}}])
        yield delta(tool_calls=[{"index": index, "function": {"arguments": arguments}}])
    yield delta(answer.get("finish", "tool_calls" if calls else "stop"))
    yield chunk(choices=[], usage={"prompt_tokens": prompt_tokens, "completion_tokens": 10, "total_tokens": 0})
    yield b"data: [DONE]\n\n"


def git(directory: Path, *args: str) -> str:
    """Run git in a directory; what it prints."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgSign=false"]
    done = subprocess.run(["git", "-C", str(directory), *identity, *args], capture_output=True, text=True, check=True)
    return done.stdout


def digest(directory: Path) -> str:
    """Every byte, name and mode below a directory, .git included."""
    found = hashlib.sha256()
    for place in sorted(directory.rglob("*")):
        found.update(f"{place.relative_to(directory)} {place.lstat().st_mode}".encode())
        if place.is_file() and not place.is_symlink():
            found.update(place.read_bytes())
    return found.hexdigest()


def make_repository(directory: Path, files: dict[str, str]) -> Path:
    """A git repository with one commit."""
    for name, text in files.items():
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "first")
    return directory


CALC = {
    "calc.py": 'def add(a, b):\n    """Return the sum."""\n    return a - b\n\n\ndef double(a):\n    return add(a, a)\n',
    "test_calc.py": (
        "import unittest\n\nfrom calc import add, double\n\n\nclass Tests(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n\n"
        "    def test_double(self):\n        self.assertEqual(double(4), 8)\n"
    ),
}


def docker_missing() -> str:
    """Why Docker can't be used here, or an empty string."""
    from agent.errors import SandboxUnavailable
    from sandbox.docker import connect

    try:
        connect().close()
    except SandboxUnavailable as error:
        return error.message
    return ""


def swe_agent(*args: str | Path, home: Path, cwd: Path | None = None, timeout: float = 300) -> Any:
    """Run the command line as a user would, with a home of its own; the finished process."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-m", "agent", *map(str, args)],
        capture_output=True,
        text=True,
        env={**keep, "SWE_AGENT_HOME": str(home / "data"), "XDG_CONFIG_HOME": str(home / "config")},
        cwd=cwd,
        timeout=timeout,
        check=False,
    )


def peak_memory(argv: list[str], env: dict[str, str] | None = None) -> tuple[int, int]:
    """Run a program: its exit code, and the most memory it had resident, in KiB.

    Measured by a small process in between: a child's figure begins with what its parent had when it was forked.
    """
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *argv], capture_output=True, text=True, check=True, env=env)
    code, kibibytes = map(int, done.stdout.split())
    return code, kibibytes
