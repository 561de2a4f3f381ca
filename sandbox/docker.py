"""The Docker sandbox: a hardened container, a named volume for the workspace, no network and no host mount."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from collections.abc import Container as TextContainer
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import SYSTEM_PATH, ShellSandbox
from sandbox.channel import Channel, DockerChannel
from sandbox.docker_engine import OWNER_LABEL, connect, engine_errors, is_podman
from sandbox.docker_owner import labels, owner_is_gone
from sandbox.limits import Limits
from sandbox.network.access import NetworkAccess
from sandbox.network.docker_listener import listen_in_container
from sandbox.protocol import Workspace
from sandbox.shell import ContainerShell, supervisor_argv
from sandbox.syscalls import container_profile

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.types import Mount

_GROUPS = {"model": 1000, "program": 1001, "private": 1002}  # the primary group of each shell's commands
_CAPABILITIES = ["CHOWN", "KILL", "SETGID", "SETUID", "SYS_CHROOT"]  # of the supervisors; commands have none
_SHARED_MEMORY_BYTES = 256 << 20
_HOSTNAME = "sandbox"
_BELOW = "/mnt"  # where a sandbox for a single change sees the whole workspace below
_CPU_SHARES = 512  # half of the default, which the model server has: it goes first where both want all
_ROOT = "0:0"


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

    def __init__(
        self, client: DockerClient, name: str, image: str, limits: Limits | None = None, *, tested: str = ""
    ) -> None:
        super().__init__(Workspace())
        self._client = client
        self._name = name
        self._image = image
        self._limits = limits or Limits()
        self._tested = tested  # the volume of the workspace below, where this one is for a single change (`fresh`)
        self.access = NetworkAccess()
        self._container: Container | None = None
        self._model = ContainerShell(self.workspace, partial(self._connect, "model"), persistent=True)
        program, private = (
            ContainerShell(self.workspace, partial(self._connect, each)) for each in _GROUPS if each != "model"
        )
        self._shells = {"model": self._model, "program": program, "private": private}

    @classmethod
    async def start(
        cls,
        name: str,
        image: str | None,
        on_progress: Callable[[str], None] = lambda _: None,
        limits: Limits | None = None,
    ) -> DockerSandbox:
        """Start a container `swe-agent-NAME` on the volume of that name, made if absent.

        `image` None is the project's own. Raises `SandboxUnavailable`.
        """
        from sandbox.images import ensure_image

        client = await anyio.to_thread.run_sync(connect)
        try:
            tag = await ensure_image(client, image, on_progress)
            sandbox = cls(client, f"swe-agent-{name}", tag, limits)
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
            for name in self._own_volumes():
                self._client.volumes.create(name, labels=labels(name))
            started = self._client.containers.run(self._image, ["sleep", "infinity"], **self._options())
            container = cast("Container", started)
            self.access.serve(partial(listen_in_container, container, self._image))
            return container

        with engine_errors(SandboxUnavailable, "docker: the container can't be started"):
            self._container = await anyio.to_thread.run_sync(run)
        await self._open_shells()

    def _run_once(self, command: list[str], mounts: list[Mount]) -> None:
        """Run a command of the program's own in a container that is removed afterwards. Raises `DockerException`."""
        self._client.containers.run(
            self._image,
            command,
            entrypoint="",
            network_mode="none",
            user=_ROOT,
            cap_drop=["ALL"],
            cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],
            security_opt=["no-new-privileges:true"],
            mounts=mounts,
            remove=True,
        )

    def _options(self) -> dict[str, Any]:
        """The container's options, as `docker.containers.run` takes them."""
        # the supervisors' programs are the system's, whatever the workspace has on the PATH of commands
        environment = self._environment() | self.access.environment() | {"PATH": SYSTEM_PATH}
        environment["GIT_CONFIG_SYSTEM"] = str(self.workspace.outputs / ".gitconfig")  # written by supervisor.sh
        return {
            "name": self._name,
            "detach": True,
            "entrypoint": "",
            "init": True,
            "user": _ROOT,
            "hostname": _HOSTNAME,
            "extra_hosts": [f"{_HOSTNAME}:127.0.0.1", f"{_HOSTNAME}:::1"],
            "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"},  # ::1 too, where the engine's networks have no IPv6
            "working_dir": "/",
            "network_mode": "bridge" if self.access.shared else "none",
            "cap_drop": ["ALL"],
            "cap_add": _CAPABILITIES,
            "security_opt": ["no-new-privileges:true", *self._profile()],
            "read_only": True,
            "pids_limit": self._limits.processes,
            "cpu_shares": _CPU_SHARES,
            "mem_limit": self._limits.memory,
            "memswap_limit": self._limits.memory,
            "tmpfs": self._tmpfs(),
            "ipc_mode": "private",
            "shm_size": min(_SHARED_MEMORY_BYTES, self._limits.memory // 2),
            "log_config": {"type": "none"},
            "labels": labels(self._name),
            "environment": environment,
            "mounts": self._mounts(),
        }

    def _profile(self) -> list[str]:
        """The option with our profile of system calls; Podman's is its own, since it takes a file of its machine."""
        return [] if is_podman(self._client) else [f"seccomp={container_profile()}"]

    def _tmpfs(self) -> dict[str, str]:
        size = f"rw,nosuid,nodev,exec,size={self._limits.tmp}"
        places = {"/tmp": f"{size},mode=1777"}
        if self._tested:
            places[str(self.workspace.private)] = f"{size},uid=1000,gid=1000"
            places |= {str(place): f"{size},uid=0,gid=0" for place in (self.workspace.outputs, self._control)}
        return places

    @property
    def _control(self) -> PurePosixPath:
        """The supervisors' files."""
        return self.workspace.root / ".control"

    def _own_volumes(self) -> dict[str, str]:
        """The volumes that are this sandbox's own, with the place of each inside."""
        if not self._tested:
            return {self._name: str(self.workspace.root)}
        return {f"{self._name}-{place.name}": str(place) for place in (self.workspace.repo, self.workspace.home)}

    def _mounts(self) -> list[Mount]:
        below = [_mount(self._tested, place, read_only=True) for place in (str(self.workspace.root), _BELOW)]
        own = [_mount(name, place) for name, place in self._own_volumes().items()]
        return [*below, *own] if self._tested else own

    def _remove_container(self) -> None:
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):
            self._client.containers.get(self._name).remove(force=True)

    def _remove(self, *, volume: bool) -> None:
        from docker.errors import NotFound

        self._remove_container()
        for name in self._own_volumes() if volume else ():
            with contextlib.suppress(NotFound):
                self._client.volumes.get(name).remove(force=True)

    async def _connect(self, name: str) -> Channel:
        def attach() -> DockerChannel:
            assert self._container is not None
            api = self._client.api
            argv = supervisor_argv(self.workspace, _GROUPS[name], self._limits, self._environment()["PATH"])
            made = api.exec_create(self._container.id, argv, stdin=True, user=_ROOT)
            wrapper: Any = api.exec_start(made["Id"], socket=True)
            return DockerChannel(getattr(wrapper, "_sock", wrapper), owner=wrapper)

        with engine_errors(SandboxLost, "no shell can be started in the container"):
            return await anyio.to_thread.run_sync(attach)

    async def rewind(self, seen: TextContainer[str]) -> None:
        """See `Sandbox.rewind`."""
        sequence = await self._model.ask("last")
        if sequence != "0" and str(self.workspace.outputs / f"{sequence}.log") not in seen:
            await self._model.ask("rewind")

    async def revive(self) -> None:
        """See `Sandbox.revive`. A container that still runs is replaced, so no old process is left in it."""
        await self._close_shells()
        await self._start()

    async def fork(self) -> DockerSandbox:
        """See `Sandbox.fork`. All processes are ended first: nothing can change the tree while it is copied."""
        client = await anyio.to_thread.run_sync(connect)
        copy = DockerSandbox(client, f"{self._name}-clean", self._image, self._limits)
        copy.access.allowed = self.access.allowed

        def copy_volume() -> None:
            copy._remove(volume=True)  # left by a process that was killed
            copy._client.volumes.create(copy._name, labels=labels(copy._name))
            mounts = [_mount(self._name, "/from", read_only=True), _mount(copy._name, "/to")]
            script = "cp -a /from/. /to/ && find /to -xdev -type f -perm /6000 -exec chmod ug-s {} +"
            self._run_once(["sh", "-c", script], mounts)

        try:
            await self._close_shells()
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
        name = f"{self._name}-fresh-{secrets.token_hex(4)}"
        copy = DockerSandbox(client, name, self._image, self._limits, tested=self._name)
        script = (
            f"cp -a {self.workspace.pristine}/. {self.workspace.repo}/ && cp -a {_BELOW}/home/. {self.workspace.home}/"
        )
        try:
            await self._close_shells()
            await copy._start()
            copied = await copy.exec(script, private=True)
            if not copied.ok:
                raise SandboxUnavailable(
                    "docker: the workspace can't be copied", hint=copied.output.text().strip()[-300:]
                )
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


def _mount(volume: str, place: str, *, read_only: bool = False) -> Mount:
    """A mount of a volume, which does not take over what the image has there."""
    from docker.types import Mount

    return Mount(place, volume, read_only=read_only, no_copy=True)
