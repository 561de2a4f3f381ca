"""Which files of the host the bubblewrap sandbox sees, as arguments of `bwrap`: programs and libraries, read-only.

No home directory, no `/root`, `/run` or `/var`, and of `/etc` only what is listed here.
"""

from __future__ import annotations

import sys
from pathlib import Path

# What programs need to start, find users, resolve names and check certificates.
_ETC_PATTERNS = (
    "alternatives", "ca-certificates", "debian_version", "host.conf", "java-*", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "maven", "mime.types", "nsswitch.conf", "os-release", "perl", "pki/ca-trust",
    "pki/tls/certs", "profile", "protocols", "python3*", "services", "shells", "ssl/certs", "ssl/openssl.cnf",
    "timezone",
)  # fmt: skip
_ACCOUNTS = Path(__file__).parent / "etc"  # the accounts inside: root, the agent, nobody
_NETWORK_FILES = ("hosts", "resolv.conf")
_SYSTEM_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_PYTHON_PREFIX = "/opt/python"


def system_mounts() -> list[str]:
    """Mounts of the system's programs, libraries and the listed parts of `/etc`."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM_DIRECTORIES:
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for pattern in _ETC_PATTERNS:
        for path in sorted(Path("/etc").glob(pattern)):
            arguments += ["--ro-bind-try", str(path), str(path)]
    for name in ("passwd", "group"):
        arguments += ["--ro-bind", str(_ACCOUNTS / name), f"/etc/{name}"]
    return arguments


def network_mounts() -> list[str]:
    """Mounts of the files that names are resolved by, for a sandbox whose network is open."""
    arguments = []
    for name in _NETWORK_FILES:
        # resolv.conf is often a link into /run, which the sandbox does not see: mount its target
        path = Path("/etc") / name
        if path.exists():
            arguments += ["--ro-bind", str(path.resolve()), f"/etc/{name}"]
    return arguments


def python_mount() -> tuple[list[str], str]:
    """Where the system has no Python: mounts of the one that runs this program, and its directory of programs.

    Both are empty where the system has one.
    """
    prefix = Path(sys.base_prefix).resolve()
    if Path("/usr/bin/python3").exists() or prefix == Path("/usr"):
        return [], ""
    return ["--ro-bind", str(prefix), _PYTHON_PREFIX], f"{_PYTHON_PREFIX}/bin"
