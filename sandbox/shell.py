"""The persistent shell of a sandbox, seen from the host: requests out, bounded output in.

The other side is `supervisor.sh`. What a command costs, and why: docs/decisions/0001.
"""

from __future__ import annotations

import importlib.resources
import re
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, cast

import anyio

from agent.errors import SandboxLost
from sandbox.channel import Channel
from sandbox.protocol import ExecResult, Output, Workspace

_MARK_BYTES = 64
_MARK = re.compile(rb"(\d{1,3}) (exited|stopped|full) (\d{1,7})")
GRACE_SECONDS = 20.0  # how long the supervisor may take to kill a command before the shell counts as lost


def supervisor_argv(workspace: Workspace, scope: Literal["namespace", "marked"], name: str) -> list[str]:
    """The command line that starts the supervisor.

    `scope` says how it knows a command's processes: `namespace`, all new ones in its process namespace;
    `marked`, those that carry its variable.
    """
    script = importlib.resources.files("sandbox").joinpath("supervisor.sh").read_text()
    places = [str(workspace.private), str(workspace.repo)]
    return ["bash", "--norc", "--noprofile", "-c", script, "swe-agent-shell", *places, scope, name]


class Capture:
    """Collects a stream within a bound: the first half of it, and the last."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 2
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= self._tail_limit:
            gone = self._tail.popleft()
            self._tail_size -= len(gone)
            self._dropped += len(gone)

    def output(self) -> Output:
        """What was collected."""
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._tail_limit)
        dropped = self._dropped + surplus
        if dropped:
            return Output(bytes(self._head), tail[surplus:], dropped)
        return Output(bytes(self._head) + tail)


class Shell:
    """One running supervisor. Commands go one at a time; it can be opened again after it was lost."""

    def __init__(self, workspace: Workspace, connect: Callable[[str], Awaitable[Channel]], name: str) -> None:
        self._workspace = workspace
        self._connect = connect
        self._name = name
        self._channel: Channel | None = None
        self._lock = anyio.Lock()
        self._sequence = 0
        self._rest = b""

    async def open(self) -> None:
        """Start the supervisor and wait until it answers. Raises `SandboxLost` when it doesn't."""
        self._channel = await self._connect(self._name)
        self._rest = b""
        with anyio.move_on_after(GRACE_SECONDS):
            while b"ready\n" not in self._rest:
                data = await self._channel.receive()
                if not data:
                    break
                self._rest += data
        ready, _, self._rest = self._rest.partition(b"ready\n")
        if ready.strip() or not _:
            await self.close()
            detail = ready.decode("utf-8", "replace").strip()[-300:]
            raise SandboxLost("the sandbox's shell did not start", hint=detail or "the image needs bash")

    async def close(self) -> None:
        """End the supervisor."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()

    async def run(
        self, command: str, *, stdin: bytes, timeout: float | None, persistent: bool, capture: int
    ) -> ExecResult:
        """Run one command; see `Sandbox.exec`. Raises `SandboxLost`."""
        async with self._lock:
            if self._channel is None:
                raise SandboxLost("the sandbox's shell is not running")
            self._sequence += 1
            nonce = secrets.token_hex(16)
            body = command.replace("\0", "").encode("utf-8", "surrogateescape") + b"\n"
            limit = "0" if timeout is None else f"{max(timeout, 0.01):.3f}"
            sequence = f"{int(1000 * time.time())}-{self._sequence}" if persistent else "0"
            line = f"run {nonce} {limit} {len(body)} {len(stdin)} {int(persistent)} {sequence}\n"
            started = time.monotonic()
            found = Capture(capture)
            try:
                with anyio.fail_after(None if timeout is None else timeout + GRACE_SECONDS):
                    await self._send(line.encode() + body + stdin)
                    status, how, background = await self._receive(nonce, found)
            except TimeoutError as error:
                await self.close()
                raise SandboxLost("the sandbox's shell does not answer any more") from error
            except BaseException as error:
                await self._stop(nonce, found, cancelled=isinstance(error, anyio.get_cancelled_exc_class()))
                raise
            if how == "full":
                found.add(b"not run: there is no space left in the sandbox's workspace\n")
                await self.close()  # the rest of the request must not be taken for the next
                await self.open()
            saved = str(self._workspace.outputs / f"{sequence}.log") if persistent else ""
            # The supervisor can't tell its limit from a word of ours; only one of them was possible here.
            ended = "timeout" if how == "stopped" else "exited"
            return ExecResult(
                exit_code=status,
                output=found.output(),
                ended=cast("Literal['exited', 'timeout']", ended),
                background=background,
                seconds=time.monotonic() - started,
                saved=saved,
            )

    async def _send(self, data: bytes) -> None:
        assert self._channel is not None
        try:
            await self._channel.send(data)
        except OSError as error:
            await self.close()
            raise SandboxLost("the sandbox's shell is gone") from error

    async def _receive(self, nonce: str, found: Capture) -> tuple[int, str, int]:
        """Read up to the end mark of `nonce`; what comes before it goes into `found`."""
        assert self._channel is not None
        mark = b"\n" + nonce.encode() + b" "
        while True:
            at = self._rest.find(mark)
            end = self._rest.find(b"\n", at + len(mark)) if at >= 0 else -1
            if end >= 0 or (at >= 0 and len(self._rest) > at + len(mark) + _MARK_BYTES):
                fields = _MARK.fullmatch(self._rest[at + len(mark) : end]) if end >= 0 else None
                if fields is None:
                    await self.close()
                    raise SandboxLost("the sandbox's shell was tampered with")
                found.add(self._rest[:at])
                self._rest = self._rest[end + 1 :]
                return int(fields[1]), fields[2].decode(), int(fields[3])
            if at < 0 and len(self._rest) > len(mark):
                found.add(self._rest[: -len(mark)])
                self._rest = self._rest[-len(mark) :]
            data = await self._channel.receive()
            if not data:
                await self.close()
                raise SandboxLost("the sandbox's shell ended while a command ran")
            self._rest += data

    async def _stop(self, nonce: str, found: Capture, *, cancelled: bool) -> None:
        """After a cancellation: end what runs, so that the shell can be used again."""
        if not cancelled or self._channel is None:
            return
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS) as scope:
            try:
                await self._send(b"stop\n")
                await self._receive(nonce, found)
            except SandboxLost:
                return
        if scope.cancelled_caught:
            await self.close()
