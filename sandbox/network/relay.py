"""The network of a bubblewrap sandbox that is open to all hosts: a network stack of its own, by pasta or slirp4netns.

Either program runs on the host and passes on what the sandbox sends, as a router would. The network namespace is the
sandbox's own, so that services on the host's loopback and its abstract unix sockets are out of reach; what the host
reaches elsewhere, its local network included, the sandbox reaches, too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import SandboxUnavailable
from sandbox.network.enter_namespace import NS_GET_USERNS
from sandbox.network.environment import proxy_environment

_TUN = "/dev/net/tun"
_SECONDS = 5.0
_PAUSE_SECONDS = 0.01
# what both programs answer DNS questions at, by asking the host's resolver
_NAME_SERVERS = {"pasta": "169.254.1.1", "slirp4netns": "10.0.2.3"}
_failed: set[str] = set()  # programs that don't work here, such as by a security module's profile of them
# ends the program when this process ends, however that does: the other end of the shell's input is closed then
_GUARD = '"$@" & read -r _; kill "$!"; wait'


def find_relay() -> str:
    """The path of a program that can be used here; empty where there is none.

    None is used where the host's proxy is on its loopback, which would be out of reach.
    """
    hosts = {urlsplit(url).hostname for name, url in proxy_environment().items() if "no" not in name.lower()}
    if hosts & {"localhost", "127.0.0.1", "::1"} or not os.access(_TUN, os.R_OK | os.W_OK):
        return ""
    found = (shutil.which(name) for name in _NAME_SERVERS)
    return next((path for path in found if path and path not in _failed), "")


def resolver_file(program: str) -> bytes:
    """What `/etc/resolv.conf` has in a sandbox whose network is passed on by `program`."""
    return f"nameserver {_NAME_SERVERS[Path(program).name]}\n".encode()


class RelayFailed(SandboxUnavailable):
    """The program gives the sandbox no network; `find_relay` does not find it any more."""


class Relay:
    """A running program that passes on the network of the namespace of the process `pid`. Raises `RelayFailed`."""

    def __init__(self, program: str, pid: int) -> None:
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        owner = fcntl.ioctl(network, NS_GET_USERNS)
        try:
            command = _command(program, f"/proc/self/fd/{owner}", f"/proc/self/fd/{network}")
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(network, owner),
                start_new_session=True,
            )
        finally:
            os.close(network)
            os.close(owner)
        deadline = time.monotonic() + _SECONDS
        while not _has_route(pid):
            if time.monotonic() > deadline:
                self.stop()
                _failed.add(program)
                raise RelayFailed(f"{program} does not give the sandbox a network")
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> None:
        """End the program."""
        self._guard.communicate()


def _command(program: str, user: str, network: str) -> list[str]:
    """The command line that passes on a network namespace, with nothing of the host's loopback in it."""
    if Path(program).name == "slirp4netns":
        options = ["--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path"]
        return [program, *options, f"--userns-path={user}", network, "tap0"]
    closed = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw"]
    # as root it would become another user, who may not enter the namespaces
    same_user = ["--runas", "0"] if os.geteuid() == 0 else []
    names = ["--dns-forward", _NAME_SERVERS["pasta"]]
    options = ["--foreground", "--quiet", "--config-net", *closed, *names, *same_user]
    return [program, *options, "--userns", user, "--netns", network]


def _has_route(pid: int) -> bool:
    """Whether the namespace of a process has a default route."""
    try:
        lines = Path(f"/proc/{pid}/net/route").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(line.split()[1] == "00000000" for line in lines)
