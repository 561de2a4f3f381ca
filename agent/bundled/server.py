"""The bundled runtime: a llama.cpp server for one model file, as a child process that ends with this one.

An installed `llama-server` is preferred (it may support the GPU), else the `xllamacpp` wheel, which embeds the same
server. Unless the settings say otherwise it listens at a free loopback port.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio

from agent.bundled.options import Kind, RuntimeSettings, child_arguments, environment, find_runtime, threads
from agent.errors import ModelUnavailable
from agent.files import PRIVATE, make_private

__all__ = ["BundledServer", "Kind", "RuntimeSettings", "find_runtime", "threads"]

STALL_SECONDS = 120.0
"""A start fails when the child has shown no activity for so long: loading a large model takes minutes."""

_CHILD = Path(__file__).with_name("_child.py")
_LISTENING = re.compile(r"listening on http://\S+:(\d+)|hostname: \S+, port: (\d+)")
_DEFAULT_SETTINGS = RuntimeSettings()
_POLL_SECONDS = 0.05
_TAIL_LINES = 15


class BundledServer:
    """A running model server; an async context manager.

    `model_path` is a GGUF file; each of `parallel` slots has a `context` of its own, in tokens. `log_path`
    gets all the server writes, appended. Inside the block `base_url` (ends in /v1), `model_id` (what to put
    into requests), `kind`, `program` and `pid` say what runs. Entering raises ModelUnavailable when the server can't be
    started, with the last lines of its log. Enter it from a thread that lives as long as the server should:
    on Linux the child ends with that thread.
    """

    base_url: str
    kind: Kind
    program: str

    def __init__(
        self,
        model_path: Path,
        *,
        context: int,
        parallel: int = 1,
        log_path: Path,
        settings: RuntimeSettings = _DEFAULT_SETTINGS,
    ) -> None:
        self.model_path = model_path
        self.model_id = settings.name or model_path.stem
        self.context = context
        self.parallel = parallel
        self.log_path = log_path
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, None before and after."""
        return self._process.pid if self._process else None

    def failure(self) -> str | None:
        """None while the server's process runs; afterwards how it ended, with the last lines of its log."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"the model server ({self.kind}) {how}; its log, {self.log_path}, ends:\n{self._log_tail()}"

    async def ended(self) -> str:
        """Waits until the server's process ends by itself; returns `failure`."""
        if self._process is not None:
            await anyio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        return self.failure() or "the model server does not run"

    async def __aenter__(self) -> Self:
        if not self.model_path.is_file():
            raise ModelUnavailable(
                f"there is no model file {self.model_path}", hint="`swe-agent models pull NAME` gets one"
            )
        self.kind, self.program = await find_runtime()
        try:
            self._process = self._spawn()
        except OSError as failure:
            raise ModelUnavailable(
                f"the model server can't be started: {failure}", hint=f"is {self.log_path.parent} writable?"
            ) from failure
        try:
            await self._wait_until_ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        make_private(self.log_path.parent)
        arguments = child_arguments(
            self.kind,
            self.program,
            self.model_path,
            context=self.context,
            parallel=self.parallel,
            settings=self.settings,
        )
        with open(self.log_path, "ab", opener=_private) as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                # -P: the modules beside the script must not hide installed ones.
                [sys.executable, "-P", str(_CHILD), json.dumps(arguments | {"parent": os.getpid()})],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(self.settings),
                # Ctrl-C in the terminal is handled by this process alone.
                start_new_session=True,
            )

    async def _wait_until_ready(self) -> None:
        """Waits for the server to answer while its process is active. Raises `ModelUnavailable`."""
        import httpx2

        # The server is on this machine: no proxy of the environment.
        async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
            activity, changed = None, anyio.current_time()
            while True:
                if ended := self.failure():
                    raise ModelUnavailable(ended, hint="a smaller --context or model needs less memory")
                if address := self._address():
                    try:
                        if (await client.get(f"{address}/health")).status_code == 200:
                            self.base_url = f"{address}/v1"
                            return
                    except httpx2.HTTPError:
                        pass
                now = anyio.current_time()
                if (latest := self._activity()) != activity:
                    activity, changed = latest, now
                elif now - changed > STALL_SECONDS:
                    raise ModelUnavailable(
                        f"the model server ({self.kind}) has done nothing for {STALL_SECONDS:.0f} s; "
                        f"its log, {self.log_path}, ends:\n{self._log_tail()}"
                    )
                await anyio.sleep(_POLL_SECONDS)

    def _address(self) -> str | None:
        """The URL to reach the server by, None until it listens; for an address of all interfaces, the loopback's."""
        found = _LISTENING.search(self._log())
        if found is None:
            return None
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{found[1] or found[2]}"

    def _activity(self) -> tuple[object, ...]:
        """What changes while the child works: its log, and on Linux its page faults and processor time."""
        size = self.log_path.stat().st_size
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return (size,)
        return size, *fields[7:13]

    def _log(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _log_tail(self) -> str:
        return "\n".join(self._log().strip().splitlines()[-_TAIL_LINES:]) or "(it wrote nothing)"

    async def _stop(self) -> None:
        """Kills the child's process group and waits until the child is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        # The server keeps no state that a graceful end would save.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(process.wait)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
