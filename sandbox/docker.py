"""The Docker sandbox: a hardened container, a named volume for the workspace, no network and no host mount."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.bubblewrap import proxy_environment
from sandbox.channel import Channel, DockerChannel
from sandbox.owner import is_dead, owner
from sandbox.protocol import Workspace

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL = "swe-agent.session"
OWNER_LABEL = "swe-agent.owner"
_MEMORY_BYTES = 8 << 30
_PROCESSES = 1024
_START_SECONDS = 10  # for the engine to answer at all


def connect() -> DockerClient:
    """The engine that `DOCKER_HOST` or the default socket names. Raises `SandboxUnavailable`."""
    import docker
    from docker.errors import DockerException

    hint = "start Docker (`systemctl start docker`), or use --sandbox bubblewrap"
    try:
        client = docker.from_env(timeout=_START_SECONDS)
    except DockerException as error:
        raise SandboxUnavailable(f"no Docker engine answers: {error}", hint=hint) from error
    try:
        client.ping()
    except Exception as error:  # the SDK lets errors of its HTTP library through
        client.close()
        raise SandboxUnavailable(f"no Docker engine answers: {error}", hint=hint) from error
    client.api.timeout = 120
    return client


def remove_orphans(client: DockerClient) -> None:
    """Remove containers whose process was killed; their volumes stay, for the work in them."""
    from docker.errors import DockerException

    for container in client.containers.list(all=True, filters={"label": OWNER_LABEL}, ignore_removed=True):
        if is_dead(container.labels.get(OWNER_LABEL, "")):
            with contextlib.suppress(DockerException):
                container.remove(force=True)


class DockerSandbox(ShellSandbox):
    """Commands in a container; the container is replaced when the network opens or closes, the volume stays."""

    kind = "docker"

    def __init__(self, client: DockerClient, name: str, image: str) -> None:
        super().__init__(Workspace())
        self._client = client
        self._name = name
        self._image = image
        self._online = False
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
        from docker.errors import DockerException

        def run() -> Container:
            remove_orphans(self._client)
            self._remove_container()
            volume = self._client.volumes.create(self._name, labels={LABEL: self._name})
            self._own_workspace(volume.name)
            return cast("Container", self._client.containers.run(self._image, ["sleep", "infinity"], **self._options()))

        try:
            self._container = await anyio.to_thread.run_sync(run)
        except DockerException as error:
            raise SandboxUnavailable(f"docker: the container can't be started: {error}") from error
        await self._open_shells()

    def _own_workspace(self, volume: str) -> None:
        """Give the volume's top to the user that commands run as, whatever the image has at that place."""
        self._client.containers.run(
            self._image,
            ["chown", "1000:1000", str(self.workspace.root)],
            entrypoint="",
            user="0:0",
            network_mode="none",
            cap_drop=["ALL"],
            cap_add=["CHOWN"],
            security_opt=["no-new-privileges:true"],
            volumes={volume: {"bind": str(self.workspace.root), "mode": "rw,nocopy"}},
            remove=True,
        )

    def _options(self) -> dict[str, Any]:
        environment = self._environment()
        if self._online:
            environment.update(proxy_environment())
        return {
            "name": self._name,
            "detach": True,
            "entrypoint": "",
            "init": True,
            "user": "1000:1000",
            "working_dir": "/",
            "network_mode": "bridge" if self._online else "none",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "read_only": True,
            "pids_limit": _PROCESSES,
            "cpu_shares": 512,  # half of what the model server gets, where both want all
            "mem_limit": _MEMORY_BYTES,
            "memswap_limit": _MEMORY_BYTES,
            "tmpfs": {"/tmp": "rw,nosuid,nodev,exec,mode=1777,size=1g"},
            "ipc_mode": "private",
            "log_config": {"type": "none"},
            "labels": {LABEL: self._name, OWNER_LABEL: owner()},
            "environment": environment,
            "volumes": {self._name: {"bind": str(self.workspace.root), "mode": "rw,nocopy"}},
        }

    def _remove_container(self) -> None:
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):
            self._client.containers.get(self._name).remove(force=True)

    def _remove(self, *, volume: bool) -> None:
        from docker.errors import NotFound

        self._remove_container()
        if volume:
            with contextlib.suppress(NotFound):
                self._client.volumes.get(self._name).remove(force=True)

    async def _connect(self, name: str) -> Channel:
        from docker.errors import DockerException

        def attach() -> DockerChannel:
            assert self._container is not None
            api = self._client.api
            made = api.exec_create(self._container.id, self._argv(name), stdin=True, user="1000:1000")
            wrapper: Any = api.exec_start(made["Id"], socket=True)
            return DockerChannel(getattr(wrapper, "_sock", wrapper), owner=wrapper)

        try:
            return await anyio.to_thread.run_sync(attach)
        except DockerException as error:
            raise SandboxLost(f"docker: no shell in the container: {error}") from error

    async def revive(self) -> None:
        """See `Sandbox.revive`. A container that still runs is restarted, so no old process is left in it."""
        await self._close_shells()
        await self._start()

    async def fork(self) -> DockerSandbox:
        """See `Sandbox.fork`."""
        from docker.errors import DockerException

        copy = DockerSandbox(await anyio.to_thread.run_sync(connect), f"{self._name}-clean", self._image)

        def copy_volume() -> None:
            copy._remove(volume=True)  # of a process that was killed
            copy._client.volumes.create(copy._name, labels={LABEL: copy._name})
            copy._own_workspace(copy._name)
            self._client.containers.run(
                self._image,
                ["cp", "-a", f"{self.workspace.root}/.", "/mnt/"],
                entrypoint="",
                user="1000:1000",
                network_mode="none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                volumes={
                    self._name: {"bind": str(self.workspace.root), "mode": "ro"},
                    copy._name: {"bind": "/mnt", "mode": "rw,nocopy"},
                },
                remove=True,
            )

        try:
            await anyio.to_thread.run_sync(copy_volume)
            await copy._start()
        except DockerException as error:
            await copy.close(keep=False)
            raise SandboxUnavailable(f"docker: the workspace can't be copied: {error}") from error
        return copy

    async def network(self, on: bool) -> None:
        """See `Sandbox.network`."""
        if on != self._online:
            self._online = on
            await self.revive()

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        from docker.errors import DockerException

        def remove() -> None:
            with contextlib.suppress(DockerException, OSError):
                self._remove(volume=not keep)
            self._client.close()

        with anyio.CancelScope(shield=True):
            await self._close_shells()
            await anyio.to_thread.run_sync(remove)
