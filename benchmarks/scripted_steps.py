"""The script of the model in `steps.py`, its server, and the repository that it works on.

The server is a process of its own, started with `serving`; it prints its port and answers until it is killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WINDOW = 300_000
LINES = 24  # of about 40 bytes: what one step reads
FILES, LENGTH = 10, 400  # what there is to read and edit


def call(at: int, steps: int) -> tuple[str, dict[str, Any]]:
    """The tool call of step `at`, from 0: reads, commands, edits and searches, each with another result."""
    if at == steps:
        return "edit_file", {"path": "calc.py", "old": "return a - b", "new": "return a + b"}
    if at > steps:
        return "submit", {"summary": "add subtracted"}
    line = 7 * at % (FILES * LENGTH)
    path, first = f"words_{line // LENGTH}.py", 1 + line % LENGTH
    edited = at % (FILES * LENGTH)
    word = f"WORD_{edited:04d} = "
    return (
        ("read_file", {"path": path, "start_line": first, "end_line": first + LINES}),
        ("shell", {"command": f"echo {at}; sed -n '{first},{first + LINES}p' {path}"}),
        ("edit_file", {"path": f"words_{edited // LENGTH}.py", "old": word, "new": f"{word}1 + "}),
        ("search", {"pattern": f"^WORD_{at % 1000 // 10:03d}"}),
    )[at % 4]


def command(at: int, steps: int) -> str:
    """The same as a shell command, for an agent without other tools."""
    name, given = call(at, steps)
    if name == "read_file":
        return f"sed -n '{given['start_line']},{given['end_line']}p' {given['path']}"
    if name == "shell":
        return str(given["command"])
    if name == "edit_file":
        return f"sed -i 's/{given['old']}/{given['new']}/' {given['path']}; git diff | tail -n 20"
    if name == "search":
        return f"grep -rn '{given['pattern']}' ."
    return "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def serve(log: Path, steps: int, as_commands: bool) -> None:
    """Answer on a loopback port, which is printed; `log` gets a line for each reply: its two times, its tokens."""
    times = log.open("w", buffering=1)
    done = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Silence."""

        def do_GET(self) -> None:
            self._json({"object": "list", "data": [{"id": "scripted", "object": "model", "max_model_len": WINDOW}]})

        def do_POST(self) -> None:
            nonlocal done
            data = self.rfile.read(int(self.headers["Content-Length"]))
            whole = time.monotonic()
            name, arguments = call(done, steps)
            if as_commands:
                name, arguments = "bash", {"command": command(done, steps)}
            function = {"name": name, "arguments": json.dumps(arguments)}
            made = {"index": 0, "id": f"call{done:05d}", "type": "function", "function": function}
            tokens = len(data) // 4
            usage = {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": tokens + 20}
            head = {"id": "x", "created": 0, "model": "scripted"}
            message = {"role": "assistant", "content": f"Step {done}.", "tool_calls": [made]}
            done += 1
            if b'"stream": true' in data or b'"stream":true' in data:
                pieces: list[dict[str, Any]] = [
                    {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
                    {"choices": [], "usage": usage},
                ]
                kind = head | {"object": "chat.completion.chunk"}
                body = b"".join(b"data: " + json.dumps(kind | piece).encode() + b"\n\n" for piece in pieces)
                self._send(body + b"data: [DONE]\n\n", "text/event-stream")
            else:
                choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
                self._json(head | {"object": "chat.completion", "choices": [choice], "usage": usage})
            times.write(f"{whole} {time.monotonic()} {tokens}\n")

        def _json(self, data: dict[str, Any]) -> None:
            self._send(json.dumps(data).encode(), "application/json")

        def _send(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def serving(log: Path, steps: int, *, as_commands: bool = False) -> Iterator[str]:
    """The URL of a server that runs as a child process."""
    argv = [sys.executable, __file__, str(log), str(steps), "commands" if as_commands else "calls"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(run.stdout.readline())}/v1"
        finally:
            run.kill()


def make_repository(place: Path) -> Path:
    """A git repository with a bug, a failing test, and files to read and edit."""
    lines = [f"WORD_{at:04d} = {at}  # {'some words '[at % 5 :]}\n" for at in range(FILES * LENGTH)]
    words = {f"words_{at}.py": "".join(lines[at * LENGTH : (at + 1) * LENGTH]) for at in range(FILES)}
    test = (
        "import unittest\n\nfrom calc import add\n\n\nclass Tests(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n"
    )
    place.mkdir()
    source = "def add(a, b):\n    return a - b\n"
    for name, text in {"calc.py": source, "test_calc.py": test, **words}.items():
        (place / name).write_text(text)
    identity = ["-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "commit.gpgSign=false"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(place), *identity, *arguments], check=True, stdout=subprocess.DEVNULL)
    return place


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "commands")
