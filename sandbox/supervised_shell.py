"""The host's side of `supervisor.py`: it starts it, sends commands with their descriptors and reads their output.

Each command has an output pipe and a state pipe of its own, so nothing that an earlier one left running gets into what
is read for a later one. How a command ended comes over a socket that no command has.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import anyio.lowlevel

from agent.errors import SandboxLost
from sandbox.capture import Capture
from sandbox.channel import children
from sandbox.control_group import ControlGroup
from sandbox.limits import Limits
from sandbox.protocol import ExecResult, Workspace
from sandbox.running_command import RunningCommand, memory_file, output_pipe
from sandbox.scripts import script
from sandbox.shell_state import ShellState
from sandbox.spill import Spill, SpillDrain

_PACKET_BYTES = 1 << 16
GRACE_SECONDS = 20.0
"""How long the supervisor may take to start, or to kill a command, before the shell counts as lost."""


@dataclass
class Launch:
    """How a supervisor is started: `argv` before the Python that runs it, and what is passed on to it.

    `started` is called with its process id, in a thread, before its first command. It may raise `SandboxError`s.
    """

    argv: Sequence[str]
    python: str
    env: Mapping[str, str]
    bash: str = "/bin/bash"
    descriptors: Sequence[int] = ()
    started: Callable[[int], None] | None = None


class SupervisedShell:
    """One supervisor, started by `launch()`. It runs one command at a time, and can be opened again after it was lost.

    `state` makes the shell persistent; `outputs` is the directory of the host where whole outputs are kept.
    """

    def __init__(
        self,
        workspace: Workspace,
        launch: Callable[[], Launch],
        limits: Limits,
        *,
        state: ShellState | None = None,
        outputs: Path | None = None,
    ) -> None:
        self._workspace = workspace
        self._launch = launch
        self._limits = limits
        self._state = state
        self._outputs = outputs
        self._lock = anyio.Lock()
        self._sequence = 0
        self._lost = False
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._drain = SpillDrain()
        self._group: ControlGroup | None = None

    async def open(self) -> None:
        """Start the supervisor and wait until it answers. Raises `SandboxLost` if it does not."""
        ready: dict[str, Any] = {}
        launch = self._launch()
        errors = self._popen(launch)
        with anyio.move_on_after(GRACE_SECONDS), contextlib.suppress(SandboxLost, ValueError):
            ready = await self._message()
        if not ready.get("ready"):
            await self.close()
            raise SandboxLost("the sandbox's shell did not start", hint=_last_words(errors) or "Python did not run")
        errors.close()
        if self._process is not None and self._limits.processes:
            self._group = ControlGroup.of(_tree(self._process.pid), self._limits.processes)
        if launch.started is not None and self._process is not None:
            inside = children(self._process.pid)
            try:
                await anyio.to_thread.run_sync(launch.started, inside[0] if inside else self._process.pid)
            except BaseException:
                await self.close()
                raise

    def _popen(self, launch: Launch) -> BinaryIO:
        """Start the supervisor; the file that has what it says on standard error. Raises `SandboxLost`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        errors = os.fdopen(os.memfd_create("errors"), "w+b")
        try:
            self._process = subprocess.Popen(
                [*launch.argv, launch.python, "-I", "-S", "-c", script("supervisor.py"), self._settings(launch)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=dict(launch.env),
                pass_fds=tuple(launch.descriptors),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxLost(f"the sandbox's shell can't be run: {error}") from error
        finally:
            theirs.close()
            for descriptor in launch.descriptors:
                os.close(descriptor)
        ours.setblocking(False)
        self._socket, self._lost = ours, False
        return errors

    def _settings(self, launch: Launch) -> str:
        limits = self._limits
        each = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.file, "RLIMIT_DATA": limits.memory}
        return json.dumps(
            {
                "repo": str(self._workspace.repo),
                "persistent": self._state is not None,
                "runner": script("runner.sh"),
                "bash": launch.bash,
                "limits": {
                    "each": each,
                    "memory": limits.memory,
                    "processes": limits.processes,
                    "free_bytes": limits.free,
                    "free_inodes": limits.free_inodes,
                },
            }
        )

    async def _lose(self) -> None:
        """Close a shell that can't be used any more; only `open` starts it again."""
        await self.close()
        self._lost = True

    async def close(self) -> None:
        """End the supervisor and every process below it, and wait until they are gone. The next command opens it."""
        self._lost = False
        connection, self._socket = self._socket, None
        process, self._process = self._process, None
        with anyio.CancelScope(shield=True):
            if connection is not None:
                connection.close()  # the supervisor ends what runs, then itself
            if process is not None:
                await anyio.to_thread.run_sync(_end, process)
            self._drain.close()
            group, self._group = self._group, None
            if group is not None:
                group.remove()

    async def run(self, command: str, *, stdin: bytes, timeout: float | None, capture: int) -> ExecResult:
        """Run one command; see `Sandbox.exec`. Raises `SandboxLost`."""
        async with self._lock:
            if self._socket is None:
                if self._lost:
                    raise SandboxLost("the sandbox's shell is not running")
                await self.open()
            self._sequence += 1
            sequence = f"{int(1000 * time.time())}-{self._sequence}"
            started = time.monotonic()
            running = self._start(command, stdin, timeout, capture, sequence)
            try:
                with anyio.fail_after(None if timeout is None else timeout + GRACE_SECONDS):
                    ended = await self._end_of(running)
            except TimeoutError as error:
                await self._lose()
                raise SandboxLost("the sandbox's shell does not answer any more") from error
            except SandboxLost:
                await self._lose()
                raise
            except BaseException:
                await self._stop(running)
                raise
            finally:
                saved = self._settle(running, sequence)
            return ExecResult(
                exit_code=int(ended["status"]),
                output=running.capture.output(),
                # the supervisor reports its limit and a request to stop alike; here it was the limit
                ended="timeout" if ended["how"] == "stopped" else "exited",
                background=int(ended["background"]),
                seconds=time.monotonic() - started,
                saved=saved,
                limit=ended["limit"],
            )

    def _start(self, command: str, stdin: bytes, timeout: float | None, capture: int, sequence: str) -> RunningCommand:
        """Send a command to the supervisor. Raises `SandboxLost`."""
        assert self._socket is not None
        body = command.replace("\0", "").encode("utf-8", "surrogateescape") + b"\n"
        output, theirs = output_pipe()
        passed = [theirs, memory_file(body)]
        running = RunningCommand(Capture(capture), output)
        if stdin:
            passed.append(memory_file(stdin))
        state = b""
        if self._state is not None:
            state = self._state.read()
            running.state, new_state = output_pipe()
            passed += [memory_file(state), new_state]
        if self._outputs is not None and self._state is not None:
            running.spill = Spill(self._outputs / f"{sequence}.log", self._limits.output)
        limit = None if timeout is None else max(timeout, 0.01)
        request = {"run": sequence, "limit": limit, "input": bool(stdin), "state": bool(state)}
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], passed)
        except OSError as error:
            raise SandboxLost("the sandbox's shell is gone") from error
        finally:
            for descriptor in passed:
                os.close(descriptor)
        return running

    async def _end_of(self, running: RunningCommand) -> dict[str, Any]:
        """Read output and state until the supervisor says that the command has ended. Raises `SandboxLost`."""
        assert self._socket is not None
        with select.epoll() as ready:
            for descriptor in (running.output, running.state, self._socket.fileno()):
                if descriptor >= 0:
                    ready.register(descriptor, select.EPOLLIN)
            while True:
                await anyio.wait_readable(ready)
                for descriptor, _ in ready.poll(0):
                    if descriptor == running.output:
                        if not running.read_output() and not running.open:
                            ready.unregister(running.output)
                    elif descriptor == running.state:
                        if not running.read_state() and running.state < 0:
                            pass  # closing it has taken it out
                    else:
                        ended = await self._message()
                        running.ended = True
                        while running.read_output():
                            await anyio.lowlevel.checkpoint()
                        while running.read_state():
                            pass
                        return ended

    async def _message(self) -> dict[str, Any]:
        """The supervisor's next packet. Raises `SandboxLost`."""
        assert self._socket is not None
        while True:
            try:
                data = self._socket.recv(_PACKET_BYTES)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                continue
            except OSError:
                data = b""
            if not data:
                raise SandboxLost("the sandbox's shell ended while a command ran")
            message: dict[str, Any] = json.loads(data)
            return message

    def _settle(self, running: RunningCommand, sequence: str) -> str:
        """Keep the state, hand the output on if something still writes to it; the path of the whole output."""
        if running.state >= 0:
            os.close(running.state)
        if self._state is not None:
            self._state.write(sequence, bytes(running.collected))
        if running.spill is None:
            os.close(running.output)
            return ""
        if running.open and self._socket is not None:
            self._drain.take(running.output, running.spill)
        else:
            os.close(running.output)
            running.spill.close()
        return str(self._workspace.outputs / running.spill.path.name)

    async def _stop(self, running: RunningCommand) -> None:
        """After a cancellation: kill the command, so that the shell can be used again."""
        if self._socket is None or running.ended:
            return
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(GRACE_SECONDS) as scope:
                try:
                    self._socket.send(b'{"stop": true}')
                    await self._end_of(running)
                except (OSError, SandboxLost):
                    await self._lose()
            if scope.cancelled_caught:
                await self._lose()


def _tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(each for child in children(pid) for each in _tree(child))]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a supervisor to end, which its closed socket tells it to; kill it where it does not."""
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        for child in children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, 9)
        process.kill()
        process.wait()


def _last_words(errors: BinaryIO) -> str:
    errors.seek(0)
    return errors.read().decode("utf-8", "replace").strip()[-300:]
