"""What a command imports before it does anything: nothing that it may not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"openai", "git", "docker", "httpx2", "unidiff", "tree_sitter", "jinja2"}
"""What takes long to import and only a session needs."""
SCRIPT = """
import contextlib, io, json, sys
from agent.__main__ import main
with contextlib.redirect_stdout(io.StringIO()) as printed:
    try:
        main()
    except SystemExit as ended:
        code = ended.code
print(json.dumps([code or 0, printed.getvalue(), sorted(sys.modules)]))
"""


def run(home: Path, *arguments: str) -> tuple[str, set[str]]:
    """What a command printed, and the modules that were in memory at its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**kept, "SWE_AGENT_HOME": str(home), "XDG_CONFIG_HOME": str(home)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, printed, modules = json.loads(done.stdout)
    assert code == 0, done.stderr
    return printed, set(modules)


@pytest.mark.parametrize("arguments", [("--help",), ("fix", "--help"), ("sessions", "list")], ids=" ".join)
def test_no_library_of_a_session_is_imported(arguments: tuple[str, ...], tmp_path: Path) -> None:
    _, modules = run(tmp_path, *arguments)
    assert "agent.cli" in modules
    assert modules & HEAVY == set()


def test_the_list_of_all_commands_does_without_pydantic_too(tmp_path: Path) -> None:
    printed, modules = run(tmp_path, "--help")
    assert "fix" in printed and "sessions" in printed
    assert "pydantic" not in modules
