"""The bundled runtime: a llama.cpp server of our own for one model file, on this machine, for this process.

A `llama-server` the user has installed comes first (it may know their GPU), else the `xllamacpp` wheel, which
embeds the same server. Either runs as a child process on a loopback port of the system's choosing and ends
with this process, however that ends.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio

from agent.errors import ModelUnavailable

if TYPE_CHECKING:
    from agent.model.catalogue import Profile
    from agent.model.pull import OnProgress

__all__ = ["BundledServer", "Kind", "find_runtime", "open_bundled", "threads"]

Kind = Literal["llama-server", "xllamacpp"]

STALL_SECONDS = 120.0
"""A start fails when the child has done nothing at all for so long; while it works it may take its time."""

_CHILD = Path(__file__).with_name("_llama_child.py")
_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)|hostname: 127\.0\.0\.1, port: (\d+)")
_LOOK_SECONDS = 0.05
_TAIL_LINES = 15


async def find_runtime() -> tuple[Kind, str]:
    """Returns what can serve here and where it is: a `llama-server` that really runs, else `xllamacpp`.

    Raises ModelUnavailable when there is neither.
    """
    broken = ""
    if server := _installed():
        reason = await anyio.to_thread.run_sync(_why_not, server)
        if not reason:
            return "llama-server", server
        broken = f" ({server} does not run: {reason})"
    if importlib.util.find_spec("xllamacpp"):
        return "xllamacpp", sys.executable
    raise ModelUnavailable(
        f"there is no runtime for local models here{broken}",
        hint='pip install "swe-agent[local]", or put llama.cpp\'s llama-server on PATH, '
        "or point --base-url at a server that runs already",
    )


def threads(cores: int | None = None) -> tuple[int, int]:
    """Threads for generating and for reading a prompt, on `cores` (default: those this process may use).

    Reading a prompt is arithmetic and gains from every core. Generating waits for memory and, between any
    two layers, for its slowest thread: on cores shared with others a second thread gains nothing and at
    times loses half. Measured on two such cores, tokens a second: 1.5B reads 31 with one thread and 53 with
    two, generates 11-16 with one and 11-13 with two; 0.5B reads 70 and 115, generates 19 and 18-24.
    """
    cores = _cores() if cores is None else cores
    return max(1, cores // 2), max(1, cores)


class BundledServer:
    """A running model server; an async context manager.

    `model_path` is a GGUF file; each of `parallel` slots has a `context` of its own, in tokens. `log_path`
    gets all the server writes, appended. Inside the block `base_url` (ends in /v1), `model_id` (what to put
    into requests), `kind` and `pid` say what runs. Entering raises ModelUnavailable when the server can't be
    started, with the last lines of its log. Enter it from a thread that lives as long as the server should:
    on Linux the child ends with that thread.
    """

    base_url: str
    kind: Kind

    def __init__(self, model_path: Path, *, context: int, parallel: int = 1, log_path: Path) -> None:
        self.model_path = model_path
        self.model_id = model_path.stem
        self.context = context
        self.parallel = parallel
        self.log_path = log_path
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

    async def __aenter__(self) -> Self:
        if not self.model_path.is_file():
            raise ModelUnavailable(
                f"there is no model file {self.model_path}", hint="`swe-agent models pull NAME` gets one"
            )
        self.kind, program = await find_runtime()
        try:
            self._process = self._spawn(program)
        except OSError as failure:
            raise ModelUnavailable(
                f"the model server can't be started: {failure}", hint=f"is {self.log_path.parent} writable?"
            ) from failure
        try:
            await self._ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def _spawn(self, program: str) -> subprocess.Popen[bytes]:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        order = self._order(program) | {"parent": os.getpid()}
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                # -P: the modules beside the script must not hide installed ones.
                [sys.executable, "-P", str(_CHILD), json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(),
                # Ctrl-C in the terminal is for this process to deal with.
                start_new_session=True,
            )

    def _order(self, program: str) -> dict[str, object]:
        generate, read = threads()
        if self.kind == "xllamacpp":
            return {
                "model": str(self.model_path),
                "alias": self.model_id,
                "context": self.context,
                "parallel": self.parallel,
                "threads": generate,
                "batch_threads": read,
                "cache_mib": _cache_mib(),
            }
        options: dict[str, object] = {
            "--model": self.model_path,
            "--alias": self.model_id,
            "--host": "127.0.0.1",
            "--port": 0,
            "--ctx-size": self.context * self.parallel,
            "--parallel": self.parallel,
            "--threads": generate,
            "--threads-batch": read,
        }
        command = [program, *(str(word) for pair in options.items() for word in pair)]
        return {"command": [*command, "--jinja", "--props", "--slots", "--no-webui"]}

    async def _ready(self) -> None:
        """Waits for the server to answer, as long as its process does anything."""
        import httpx2

        # Loopback: a proxy from the environment has no business here.
        async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
            pulse, seen = None, anyio.current_time()
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
                if (fresh := self._pulse()) != pulse:
                    pulse, seen = fresh, now
                elif now - seen > STALL_SECONDS:
                    raise ModelUnavailable(
                        f"the model server ({self.kind}) has done nothing for {STALL_SECONDS:.0f} s; "
                        f"its log, {self.log_path}, ends:\n{self._log_tail()}"
                    )
                await anyio.sleep(_LOOK_SECONDS)

    def _address(self) -> str | None:
        found = _LISTENING.search(self._log())
        return f"http://127.0.0.1:{found[1] or found[2]}" if found else None

    def _pulse(self) -> tuple[object, ...]:
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
        """Ends the child and all it started, and waits until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        # The model is only read: there is nothing a gentler end would save.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(process.wait)


async def open_bundled(
    profile: Profile,
    *,
    context: int,
    parallel: int = 1,
    log_path: Path,
    on_progress: OnProgress | None = None,
    quantization: str | None = None,
) -> BundledServer:
    """Gets the profile's model file if need be and returns a server for it, still to be entered.

    Raises ModelUnavailable, before anything is downloaded when there is no runtime to serve it.
    """
    from agent.model.pull import pull

    await find_runtime()
    path = await pull(profile, quantization, on_progress=on_progress)
    return BundledServer(path, context=context, parallel=parallel, log_path=log_path)


def _installed() -> str | None:
    found = shutil.which("llama-server")
    return str(Path(found).absolute()) if found else None


def _why_not(server: str) -> str:
    """Why this llama-server does not run; empty when it does."""
    try:
        asked = subprocess.run(
            [server, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
    if asked.returncode == 0:
        return ""
    words = (asked.stderr or asked.stdout).decode(errors="replace").strip()
    return words.splitlines()[-1] if words else f"exit code {asked.returncode}"


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        # Spinning barriers cut generation to a fifth on shared cores.
        "OMP_WAIT_POLICY": "passive",
        # By environment, for a llama-server that does not know the option yet.
        "LLAMA_ARG_CACHE_RAM": os.environ.get("LLAMA_ARG_CACHE_RAM", str(_cache_mib())),
    }


def _cache_mib() -> int:
    """Memory the server may fill with prompts it has read: an eighth of the machine's, at most 8 GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(8192, memory // 8 >> 20)


def _cores() -> int:
    """Cores this process may use: its affinity, cut by the control group's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        return cores
