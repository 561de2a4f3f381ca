"""What tests share: a scripted model server, small git repositories, the command line as a user runs it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from doubles.base import Body, Exchange, Reply
from doubles.openai import OpenAIDouble

_NOBODY = 65534


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """An answer that is one native tool call."""
    return {"calls": [(name, json.dumps(arguments))]}


class ScriptedModel(OpenAIDouble):
    """An OpenAI-compatible server whose model says what a script says, in order; the last answer repeats.

    An answer is text, `{"calls": [(name, arguments), ...], "content": ...}`, a function of the request's body that
    gives one of these, or a fault of `doubles.faults`. Every request's body is kept in `requests`. It tells its
    window; a prompt longer than that is taken all the same. Four bytes of a request are a token, a reply has ten.
    """

    def __init__(self) -> None:
        super().__init__()
        self.piece = None

    def model_entry(self) -> Body:
        """With its window."""
        return {"id": self.model, "object": "model", "max_model_len": self.window}

    def chat(self, exchange: Exchange) -> None:
        """Whatever is asked."""
        self.answer(exchange, exchange.body, self.next_answer(exchange.body))

    def usage(self, reply: Reply, body: Body) -> Body:
        """By the rule above."""
        return {"prompt_tokens": len(json.dumps(body)) // 4, "completion_tokens": 10, "total_tokens": 0}


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


@contextmanager
def ordinary_user(*owned: Path) -> Iterator[None]:
    """Run a block as somebody whom permissions bind, who owns these directories and what is in them.

    Where the tests run as root that is `nobody`, for this process and the programs it runs; else whoever runs them.
    """
    if os.geteuid() != 0:
        yield
        return
    for directory in owned:
        for place in (directory, *directory.rglob("*")):
            os.chown(place, _NOBODY, _NOBODY, follow_symlinks=False)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@cache
def docker_missing() -> str:
    """Why Docker can't be used here, or an empty string."""
    from agent.errors import SandboxUnavailable
    from sandbox.docker_engine import connect

    try:
        connect().close()
    except SandboxUnavailable as error:
        return error.message
    return ""


def eventually(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until a condition holds that another process brings about; fails only when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true within {seconds:g} s"
        time.sleep(0.02)


def swe_agent(*args: str | Path, home: Path, cwd: Path | None = None, timeout: float = 600) -> Any:
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
