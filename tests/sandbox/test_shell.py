"""The host's side of the shell: bounded output, and a shell that can't be used is a lost sandbox."""

from __future__ import annotations

import contextlib
import sys

import anyio
import pytest
from anyio.abc import Process
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SandboxLost
from sandbox.capture import Capture
from sandbox.channel import Channel
from sandbox.protocol import Workspace
from sandbox.shell import ContainerShell


@given(st.lists(st.binary(max_size=20), max_size=12), st.integers(2, 40))
def test_a_capture_keeps_both_ends_and_counts_the_rest(pieces: list[bytes], limit: int) -> None:
    capture = Capture(limit)
    for piece in pieces:
        capture.add(piece)
    printed, output = b"".join(pieces), capture.output()
    assert output.total == len(printed)
    if len(printed) <= limit:
        assert output.whole == printed
    else:
        assert output.dropped == len(printed) - limit
        assert output.head == printed[: limit // 2] and output.tail == printed[len(printed) - (limit - limit // 2) :]


class ProgramChannel:
    """The standard input and output of a program."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def receive(self) -> bytes:
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.receive()
        except anyio.EndOfStream:
            return b""

    async def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            await self._process.stdin.send(data)
        except anyio.BrokenResourceError as error:
            raise BrokenPipeError from error

    async def aclose(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.aclose()


def shell(program: str) -> ContainerShell:
    """A shell whose supervisor is a Python program."""

    async def connect() -> Channel:
        return ProgramChannel(await anyio.open_process([sys.executable, "-c", program]))

    return ContainerShell(Workspace(), connect)


@pytest.mark.parametrize("program", ["print('bash: not found')", "", "print('noise\\nready')"])
def test_a_supervisor_that_does_not_answer_as_expected_is_a_lost_sandbox(program: str) -> None:
    with pytest.raises(SandboxLost, match="did not start") as caught:
        anyio.run(shell(program).open)
    assert caught.value.hint == (
        "the image needs bash" if not program else program.split("'")[1].split("\\n", maxsplit=1)[0]
    )


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('ready', flush=True); input()", "ended while a command ran"),
        (
            "print('ready', flush=True); n = input().split()[1]; print(f'\\n{n} 0 gone 0', flush=True); input()",
            "tampered",
        ),
    ],
)
def test_a_supervisor_that_goes_away_or_lies_is_a_lost_sandbox(program: str, message: str) -> None:
    async def main() -> None:
        opened = shell(program)
        await opened.open()
        with pytest.raises(SandboxLost, match=message):
            await opened.run("true", stdin=b"", timeout=10, capture=100)
        with pytest.raises(SandboxLost, match="not running"):
            await opened.run("true", stdin=b"", timeout=10, capture=100)

    anyio.run(main)
