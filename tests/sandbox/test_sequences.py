"""Random sequences of commands, with all that goes wrong: after each, the shells work and say how it ended."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.bubblewrap import BubblewrapSandbox
from sandbox.docker import DockerSandbox
from sandbox.limits import Limits
from sandbox.protocol import Sandbox

SMALL = Limits(memory=512 << 20, processes=128, output=1 << 20, tmp=16 << 20)
COMMANDS = {  # each with its exit code; None for any
    "exit 7": 7,
    "(exit 3)": 3,
    "kill -9 $$": 137,
    "kill -TERM $$": 143,
    "kill -9 $PPID; true": 0,
    "kill -9 -1": None,
    "sleep 60 & true": 0,
    "setsid sleep 60 & true": 0,
    "(while :; do echo NOISE; sleep 0.1; done) & true": 0,
    "yes | head -c 3000000": 0,
    "head -c 100000 /dev/urandom": 0,
    "printf '\\377\\000\\033[2J\\n'": 0,
    "rm -rf /workspace/.agent /workspace/.kept /workspace/.outputs /workspace/.control 2>/dev/null; true": 0,
    "rm -rf /workspace/.agent; mkfifo /workspace/.agent; true": 0,
    "exec >/dev/null 2>&1": 0,
    "exec true": 0,
    "set -e; false": 1,
    "printf() { :; }; declare() { :; }; exit() { :; }; true": 0,
    "trap '' TERM INT HUP; true": 0,
    "cat; read x; true": 0,
    "echo 'unclosed": None,
    "ulimit -n 8; true": None,
    "PATH=/nonexistent; IFS=x; LC_ALL=C; true": 0,
    "chmod 000 . 2>/dev/null; true": 0,
}
STEPS = st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.booleans()), min_size=1, max_size=6)


async def follow(sandbox: Sandbox, steps: list[tuple[str, bool]]) -> None:
    """Run each command, and see that the shells work after it."""
    for command, persistent in steps:
        result = await sandbox.exec(command, timeout=20, persistent=persistent)
        assert result.ended == "exited" and not result.limit, (command, result)
        expected = COMMANDS[command]
        assert expected is None or result.exit_code == expected, (command, result)
        token = secrets.token_hex(4)
        for shell in (True, False):
            checked = await sandbox.exec(f"builtin echo {token}", timeout=20, persistent=shell)
            lines = [line for line in checked.output.text().split("\n") if line and line != "NOISE"]
            assert (lines, checked.exit_code) == ([token], 0), (command, checked)
            assert shell or checked.output.text() == f"{token}\n"


def test_after_whatever_a_command_does_the_next_one_works(kind: str) -> None:
    async def main(steps: list[tuple[str, bool]]) -> None:
        sandbox: Sandbox
        with tempfile.TemporaryDirectory() as place:
            if kind == "docker":
                sandbox = await DockerSandbox.start(f"test-{secrets.token_hex(4)}", None, limits=SMALL)
            else:
                sandbox = await BubblewrapSandbox.start(Path(place) / "workspace", SMALL)
            try:
                with anyio.fail_after(120):
                    await follow(sandbox, steps)
            finally:
                await sandbox.close(keep=False)

    @given(STEPS)
    @settings(max_examples=15)
    def check(steps: list[tuple[str, bool]]) -> None:
        anyio.run(main, steps)

    check()
