"""The Docker sandbox: a hardened container, a named volume for the workspace, no network and no host mount."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.channel import Channel, DockerChannel
from sandbox.docker_engine import OWNER_LABEL, connect, engine_errors
from sandbox.docker_owner import labels, owner_is_gone
from sandbox.network.access import NetworkAccess
from sandbox.network.docker_listener import listen_in_container
from sandbox.protocol import Workspace

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_MEMORY_BYTES = 8 << 30
_PROCESSES = 1024
_TMPFS = "rw,nosuid,nodev,exec,mode=1777,uid=1000,gid=1000,size=1g"
_CPU_SHARES = 512  # half of the default, which the model server has: it goes first where both want all
_USER = "1000:1000"


def remove_orphans(client: DockerClient) -> None:
    """Remove containers whose process was killed; their volumes stay, for the work in them.

    Raises `DockerException`.
    """
    from docker.errors import DockerException

    for container in client.containers.list(all=True, filters={"label": OWNER_LABEL}, ignore_removed=True):
        if owner_is_gone(container.labels.get(OWNER_LABEL, "")):
            with contextlib.suppress(DockerException):
                container.remove(force=True)


class DockerSandbox(ShellSandbox):
    """Commands in a container; the container is replaced when the network opens or closes, the volume stays."""

    kind = "docker"

    def __init__(self, client: DockerClient, name: str, image: str, *, tested: str = "") -> None:
        super().__init__(Workspace())
        self._tested = tested  # the volume of the workspace below, where this one is for a single change (`fresh`)
        self._client = client
        self._name = name
        self._image = image
        self.access = NetworkAccess()
        self._container: Container | None = None

    @classmethod
    async def start(
        cls, name: str, image: str | None, on_progress: Callable[[str], None] = lambda _: None
    ) -> DockerSandbox:
        """Start a container `swe-agent-NAME` on the volume of that name, made if absent.

        `image` None is the project's own. Raises `SandboxUnavailable`.
        """
        from sandbox.images import ensure_image

        client = await anyio.to_thread.run_sync(connect)
        try:
            tag = await ensure_image(client, image, on_progress)
            sandbox = cls(client, f"swe-agent-{name}", tag)
            await sandbox._start()
        except BaseException:
            client.close()
            raise
        return sandbox

    async def _start(self) -> None:
        """Start the container with its shells. Raises `SandboxUnavailable`."""

        def run() -> Container:
            remove_orphans(self._client)
            self._remove_container()
            if self._tested:
                self._copy_tested()
            else:
                self._make_volume(self._name)
                self._own_workspace(self._name)
            started = self._client.containers.run(self._image, ["sleep", "infinity"], **self._options())
            container = cast("Container", started)
            self.access.serve(partial(listen_in_container, container, self._image))
            return container

        with engine_errors(SandboxUnavailable, "docker: the container can't be started"):
            self._container = await anyio.to_thread.run_sync(run)
        await self._open_shells()

    def _make_volume(self, name: str) -> None:
        self._client.volumes.create(name, labels=labels(name))

    def _own_workspace(self, volume: str) -> None:
        """Give the volume's root to the user that commands run as, whatever the image has at that path."""
        mounts = {volume: _mount(str(self.workspace.root))}
        self._run_once(["chown", _USER, str(self.workspace.root)], mounts, user="0:0", cap_add=["CHOWN"])

    def _run_once(self, command: list[str], volumes: dict[str, dict[str, str]], **options: Any) -> None:
        """Run a command of the program's own in a container that is removed afterwards. Raises `DockerException`."""
        self._client.containers.run(
            self._image,
            command,
            entrypoint="",
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            volumes=volumes,
            remove=True,
            **options,
        )

    def _options(self) -> dict[str, Any]:
        """The container's options, as `docker.containers.run` takes them."""
        environment = self._environment() | self.access.environment()
        return {
            "name": self._name,
            "detach": True,
            "entrypoint": "",
            "init": True,
            "user": _USER,
            "working_dir": "/",
            "network_mode": "bridge" if self.access.shared else "none",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "read_only": True,
            "pids_limit": _PROCESSES,
            "cpu_shares": _CPU_SHARES,
            "mem_limit": _MEMORY_BYTES,
            "memswap_limit": _MEMORY_BYTES,
            "tmpfs": dict.fromkeys(self._tmpfs(), _TMPFS),
            "ipc_mode": "private",
            "log_config": {"type": "none"},
            "labels": labels(self._name),
            "environment": environment,
            "volumes": self._volumes(),
        }

    def _tmpfs(self) -> list[str]:
        return ["/tmp", str(self.workspace.private)] if self._tested else ["/tmp"]

    def _volumes(self) -> dict[str, dict[str, str]]:
        if not self._tested:
            return {self._name: _mount(str(self.workspace.root))}
        own = {f"{self._name}-{place.name}": _mount(str(place)) for place in self._own_places()}
        return {self._tested: {"bind": str(self.workspace.root), "mode": "ro"}, **own}

    def _own_places(self) -> tuple[PurePosixPath, ...]:
        """The directories that have a volume each, where this one is for a single change."""
        return (self.workspace.repo, self.workspace.home)

    def _copy_tested(self) -> None:
        """Make the volumes of a sandbox for one change."""
        volumes = {self._tested: {"bind": "/from", "mode": "ro"}}
        for place in self._own_places():
            name = f"{self._name}-{place.name}"
            self._make_volume(name)
            volumes[name] = _mount(f"/to/{place.name}")
        pristine = self.workspace.pristine.relative_to(self.workspace.root)
        script = f"chown {_USER} /to/repo /to/home && cp -a /from/{pristine}/. /to/repo && cp -a /from/home/. /to/home"
        capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
        self._run_once(["sh", "-c", script], volumes, user="0:0", cap_add=capabilities)

    def _remove_container(self) -> None:
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):
            self._client.containers.get(self._name).remove(force=True)

    def _remove(self, *, volume: bool) -> None:
        from docker.errors import NotFound

        self._remove_container()
        own = [f"{self._name}-{place.name}" for place in self._own_places()] if self._tested else [self._name]
        for name in own if volume else ():
            with contextlib.suppress(NotFound):
                self._client.volumes.get(name).remove(force=True)

    async def _connect(self, name: str) -> Channel:
        def attach() -> DockerChannel:
            assert self._container is not None
            api = self._client.api
            made = api.exec_create(self._container.id, self._argv(name), stdin=True, user=_USER)
            wrapper: Any = api.exec_start(made["Id"], socket=True)
            return DockerChannel(getattr(wrapper, "_sock", wrapper), owner=wrapper)

        with engine_errors(SandboxLost, "no shell can be started in the container"):
            return await anyio.to_thread.run_sync(attach)

    async def revive(self) -> None:
        """See `Sandbox.revive`. A container that still runs is replaced, so no old process is left in it."""
        await self._close_shells()
        await self._start()

    async def fork(self) -> DockerSandbox:
        """See `Sandbox.fork`."""
        copy = DockerSandbox(await anyio.to_thread.run_sync(connect), f"{self._name}-clean", self._image)
        copy.access.allowed = self.access.allowed

        def copy_volume() -> None:
            copy._remove(volume=True)  # left by a process that was killed
            copy._make_volume(copy._name)
            copy._own_workspace(copy._name)
            root = str(self.workspace.root)
            volumes = {self._name: {"bind": root, "mode": "ro"}, copy._name: _mount("/mnt")}
            self._run_once(["cp", "-a", f"{root}/.", "/mnt/"], volumes, user=_USER)

        try:
            with engine_errors(SandboxUnavailable, "docker: the workspace can't be copied"):
                await anyio.to_thread.run_sync(copy_volume)
            await copy._start()
        except BaseException:
            await copy.close(keep=False)
            raise
        return copy

    async def fresh(self) -> DockerSandbox:
        """See `Sandbox.fresh`."""
        client = await anyio.to_thread.run_sync(connect)
        copy = DockerSandbox(client, f"{self._name}-fresh-{secrets.token_hex(4)}", self._image, tested=self._name)
        try:
            await copy._start()
        except BaseException:
            await copy.close(keep=False)
            raise
        return copy

    async def network(self, on: bool) -> None:
        """See `Sandbox.network`."""
        if on != self.access.open:
            await anyio.to_thread.run_sync(self.access.switch, on)
            await self.revive()

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        from docker.errors import DockerException

        def remove() -> None:
            self.access.switch(False)
            with contextlib.suppress(DockerException, OSError):
                self._remove(volume=not keep)
            self._client.close()

        with anyio.CancelScope(shield=True):
            await self._close_shells()
            await anyio.to_thread.run_sync(remove)


def _mount(path: str) -> dict[str, str]:
    """A writable mount of a volume at `path`, which does not take over what the image has there."""
    return {"bind": path, "mode": "rw,nocopy"}
