"""The host's side of a shell in a container: it sends commands and reads their output within bounds.

The other side is `supervisor.sh`, which describes what is exchanged. docs/decisions/0001 says what a command costs.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import cast

import anyio

from agent.errors import SandboxLost
from sandbox.capture import Capture
from sandbox.channel import Channel
from sandbox.limits import Limits
from sandbox.protocol import ExecResult, Limit, Workspace
from sandbox.scripts import script

_READY = b"ready\n"
_END_BYTES = 64  # at most, of the line that ends a command's output
# exit code, how it ended, background processes, what was used up
_END = re.compile(rb"(\d{1,3}) (exited|stopped|full) (\d{1,7}) (memory|processes|disk|-)")
GRACE_SECONDS = 20.0
"""How long the supervisor may take to start, or to kill a command, before the shell counts as lost."""


def supervisor_argv(workspace: Workspace, group: int, limits: Limits, path: str) -> list[str]:
    """The command line that starts the supervisor; `group` is that of its commands, `path` what they get as PATH."""
    arguments = [str(workspace.root), str(workspace.repo), str(group), script("runner.sh"), str(limits.output // 1024)]
    return ["bash", "--norc", "--noprofile", "-c", script("supervisor.sh"), "swe-agent-shell", *arguments, path]


class ContainerShell:
    """One running supervisor, reached by the channel that `connect()` returns.

    It runs one command at a time, and can be opened again after it was lost.
    """

    def __init__(
        self, workspace: Workspace, connect: Callable[[], Awaitable[Channel]], *, persistent: bool = False
    ) -> None:
        self._workspace = workspace
        self._connect = connect
        self._persistent = persistent
        self._lost = False
        self._channel: Channel | None = None
        self._lock = anyio.Lock()
        self._sequence = 0
        self._rest = b""  # received and not used yet

    async def open(self) -> None:
        """Start the supervisor and wait until it answers. Raises `SandboxLost` if it does not."""
        self._channel = await self._connect()
        self._rest, self._lost = b"", False
        with anyio.move_on_after(GRACE_SECONDS):
            while _READY not in self._rest:
                data = await self._channel.receive()
                if not data:
                    break
                self._rest += data
        before, ready, self._rest = self._rest.partition(_READY)
        if before.strip() or not ready:
            await self.close()
            detail = before.decode("utf-8", "replace").strip()[-300:]
            raise SandboxLost("the sandbox's shell did not start", hint=detail or "the image needs bash")

    async def close(self) -> None:
        """End the supervisor."""
        self._lost = False
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()

    async def _lose(self) -> None:
        """Close a shell that can't be used any more; only `open` starts it again."""
        await self.close()
        self._lost = True

    async def _opened(self) -> None:
        if self._channel is None:
            if self._lost:
                raise SandboxLost("the sandbox's shell is not running")
            await self.open()

    async def run(self, command: str, *, stdin: bytes, timeout: float | None, capture: int) -> ExecResult:
        """Run one command; see `Sandbox.exec`. Raises `SandboxLost`."""
        async with self._lock:
            await self._opened()
            self._sequence += 1
            nonce = secrets.token_hex(16)
            body = command.replace("\0", "").encode("utf-8", "surrogateescape") + b"\n"
            limit = "0" if timeout is None else f"{max(timeout, 0.01):.3f}"
            sequence = f"{int(1000 * time.time())}-{self._sequence}" if self._persistent else "0"
            line = f"run {nonce} {limit} {len(body)} {len(stdin)} {sequence}\n"
            started = time.monotonic()
            captured = Capture(capture)
            try:
                with anyio.fail_after(None if timeout is None else timeout + GRACE_SECONDS):
                    await self._send(line.encode() + body + stdin)
                    status, how, background, hit = await self._receive(nonce, captured)
            except TimeoutError as error:
                await self._lose()
                raise SandboxLost("the sandbox's shell does not answer any more") from error
            except BaseException as error:
                await self._stop(nonce, captured, cancelled=isinstance(error, anyio.get_cancelled_exc_class()))
                raise
            if how == "full":
                captured.add(b"not run: there is no space left in the sandbox's workspace\n")
                await self.close()  # so that the rest of this request is not read as the next one
            saved = str(self._workspace.outputs / f"{sequence}.log") if self._persistent else ""
            return ExecResult(
                exit_code=status,
                output=captured.output(),
                # the supervisor reports its limit and a request to stop alike; here it was the limit
                ended="timeout" if how == "stopped" else "exited",
                background=background,
                seconds=time.monotonic() - started,
                saved=saved,
                limit=cast("Limit", hit.strip("-")),
            )

    async def ask(self, verb: str) -> str:
        """What the supervisor answers to a request that runs nothing (`last`, `rewind`). Raises `SandboxLost`."""
        async with self._lock:
            await self._opened()
            nonce, captured = secrets.token_hex(16), Capture(1 << 12)
            await self._send(f"{verb} {nonce}\n".encode())
            await self._receive(nonce, captured)
            return captured.output().text().strip()

    async def _send(self, data: bytes) -> None:
        assert self._channel is not None
        try:
            await self._channel.send(data)
        except OSError as error:
            await self._lose()
            raise SandboxLost("the sandbox's shell is gone") from error

    async def _receive(self, nonce: str, captured: Capture) -> tuple[int, str, int, str]:
        """Read up to the line that ends the command `nonce`: exit code, how it ended, background processes."""
        assert self._channel is not None
        mark = b"\n" + nonce.encode() + b" "
        while True:
            at = self._rest.find(mark)
            end = self._rest.find(b"\n", at + len(mark)) if at >= 0 else -1
            if end >= 0 or (at >= 0 and len(self._rest) > at + len(mark) + _END_BYTES):
                fields = _END.fullmatch(self._rest[at + len(mark) : end]) if end >= 0 else None
                if fields is None:
                    await self._lose()
                    raise SandboxLost("the sandbox's shell was tampered with")
                captured.add(self._rest[:at])
                self._rest = self._rest[end + 1 :]
                return int(fields[1]), fields[2].decode(), int(fields[3]), fields[4].decode()
            if at < 0 and len(self._rest) > len(mark):
                captured.add(self._rest[: -len(mark)])
                self._rest = self._rest[-len(mark) :]
            data = await self._channel.receive()
            if not data:
                await self._lose()
                raise SandboxLost("the sandbox's shell ended while a command ran")
            self._rest += data

    async def _stop(self, nonce: str, captured: Capture, *, cancelled: bool) -> None:
        """After a cancellation: kill the command, so that the shell can be used again."""
        if not cancelled or self._channel is None:
            return
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS) as scope:
            try:
                await self._send(b"stop\n")
                await self._receive(nonce, captured)
            except SandboxLost:
                return
        if scope.cancelled_caught:
            await self._lose()
