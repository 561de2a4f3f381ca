"""Where commands would run: each sandbox is started, runs a command, and is checked to have no network."""

from __future__ import annotations

import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import anyio

from agent.config import Settings
from agent.doctor.report import Check, Report, guarded
from agent.errors import SandboxError, SandboxUnavailable
from sandbox import Sandbox, open_sandbox
from sandbox.docker_leftovers import open_leftovers

OnProgress = Callable[[str], None]

KINDS = {"docker": "Docker", "bubblewrap": "bubblewrap"}
_EXEC_SECONDS = 60.0
_NETWORK_PROBE = resources.files(__package__) / "probe_network.sh"


async def check_sandboxes(report: Report, settings: Settings, *, on_progress: OnProgress) -> None:
    """Checks the sandbox that a session would use, then the other kinds."""
    used: list[str] = []

    async def chosen() -> Check:
        on_progress(f"starting the sandbox ({settings.sandbox})")
        async with _started(settings.sandbox, settings.image, on_progress) as sandbox:
            used.append(sandbox.kind)
            return await _probe(report, sandbox, settings)

    line = await guarded("sandbox", chosen)
    report.add(line)
    report.add_figures("sandbox", asked=settings.sandbox, kind=used[0] if used else None)
    for kind, name in KINDS.items():
        if kind in used:
            engine = await _engine(kind)
            report.add(Check(name, "ok", f"works, and is what a session would use{engine}"))
            report.add_figures("sandbox", **{kind: {"works": line.state != "fail", "reason": "", "engine": engine[2:]}})
        else:
            report.add(await _other(report, kind, used, on_progress))


async def _other(report: Report, kind: str, used: list[str], on_progress: OnProgress) -> Check:
    """Checks a kind that a session would not use here."""
    name = KINDS[kind]

    async def check() -> Check:
        on_progress(f"starting {name}")
        try:
            async with _started(kind, None, on_progress):
                engine = await _engine(kind)
                report.add_figures("sandbox", **{kind: {"works": True, "reason": "", "engine": engine[2:]}})
                why = f"; {KINDS.get(used[0], used[0])} comes first" if used else ""
                return Check(name, "ok", f"works{why}{engine}")
        except SandboxError as error:
            report.add_figures("sandbox", **{kind: {"works": False, "reason": error.message}})
            return Check(name, "warn", error.message, error.hint)

    return await guarded(name, check)


async def _engine(kind: str) -> str:
    """Which engine the docker sandbox uses, after a separator; empty for the other kinds. Raises `SandboxError`."""

    def ask() -> str:
        with open_leftovers() as leftovers:
            return f"; {leftovers.engine()}"

    return await anyio.to_thread.run_sync(ask) if kind == "docker" else ""


@asynccontextmanager
async def _started(kind: str, image: str | None, on_progress: OnProgress) -> AsyncIterator[Sandbox]:
    """A sandbox with an empty workspace, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="swe-agent-doctor-", ignore_cleanup_errors=True) as scratch:
        name, directory = f"doctor-{secrets.token_hex(4)}", Path(scratch) / "workspace"
        async with open_sandbox(kind, name=name, directory=directory, image=image, on_progress=on_progress) as sandbox:
            yield sandbox


async def _probe(report: Report, sandbox: Sandbox, settings: Settings) -> Check:
    """Runs a command and checks that it has no network. Raises `SandboxError`s."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = f"port={listener.getsockname()[1]}\n{_NETWORK_PROBE.read_text(encoding='utf-8')}"
        ran = await sandbox.exec(command, timeout=_EXEC_SECONDS)
    printed = ran.output.text()
    if not ran.ok or "looked" not in printed:
        raise SandboxUnavailable(
            f"{sandbox.kind}: a command did not run: exit code {ran.exit_code}, {printed.strip()[-200:]!r}",
            hint="--sandbox " + ("bubblewrap" if sandbox.kind == "docker" else "docker"),
        )
    off = network_is_off(printed)
    report.add_figures("sandbox", network_off=off)
    why = " (the first that works)" if settings.sandbox == "auto" else ""
    value = f"{sandbox.kind}{why}: a command ran in {ran.seconds:.2f} s"
    if sandbox.kind == "local":
        remedy = "leave --sandbox out: what the model runs can reach everything you can"
        return Check("sandbox", "warn", f"{value}; no isolation, the network is open", remedy)
    if off:
        return Check("sandbox", "ok", f"{value}; the network is off")
    remedy = "--sandbox " + ("bubblewrap" if sandbox.kind == "docker" else "docker")
    return Check("sandbox", "fail", f"{value}, but the network is not off", remedy, exit_code=4)


def network_is_off(printed: str) -> bool:
    """Whether the host was not reached and every route leads to the loopback device.

    `printed` holds /proc/net/route (a heading, then lines that begin with the device) and /proc/net/ipv6_route (lines
    that end with it). Routes count rather than devices: some kernels put unused tunnels into every namespace.
    """
    devices = set()
    for line in printed.splitlines():
        fields = line.split()
        if fields == ["reached"]:
            return False
        if len(fields) == 11 and fields[0] != "Iface":
            devices.add(fields[0])
        elif len(fields) == 10:
            devices.add(fields[-1])
    return devices <= {"lo"}
