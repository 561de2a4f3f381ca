"""Which files of the host the bubblewrap sandbox sees, as arguments of `bwrap`: programs and libraries, read-only.

No home directory, no `/root`, `/run` or `/var`, and of `/etc` only what is listed here.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

# What programs need to start, find users, resolve names and check certificates.
_ETC_PATTERNS = (
    "alternatives", "ca-certificates", "debian_version", "host.conf", "java-*", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "maven", "mime.types", "nsswitch.conf", "os-release", "perl", "pki/ca-trust",
    "pki/tls/certs", "profile", "protocols", "python3*", "services", "shells", "ssl/certs", "ssl/openssl.cnf",
    "timezone",
)  # fmt: skip
_ACCOUNTS = Path(__file__).parent / "etc"  # the accounts inside (root, the agent, nobody), hosts, git's identity
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
    for name in ("passwd", "group", "gitconfig"):
        arguments += ["--ro-bind", str(_ACCOUNTS / name), f"/etc/{name}"]
    return arguments


def hosts_file(*, online: bool) -> bytes:
    """What `/etc/hosts` has inside: the loopback's names, and those of the host where the network is open."""
    own = (_ACCOUNTS / "hosts").read_bytes()
    with contextlib.suppress(OSError):
        return own + (Path("/etc/hosts").read_bytes() if online else b"")
    return own


def network_mounts() -> list[str]:
    """Mounts of the file that names are resolved by, for a sandbox whose network is open."""
    # it is often a link into /run, which the sandbox does not see: mount its target
    path = Path("/etc/resolv.conf")
    return ["--ro-bind", str(path.resolve()), str(path)] if path.exists() else []


def python_mount() -> tuple[list[str], str]:
    """Mounts of the Python that runs this program, and its path inside: the sandbox's supervisor runs with it."""
    prefix, program = Path(sys.base_prefix).resolve(), Path(own_python()).resolve()
    if not program.is_relative_to(prefix):
        program = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if prefix.is_relative_to("/usr"):
        return [], str(program)
    inside = Path(_PYTHON_PREFIX) / program.relative_to(prefix)
    return ["--ro-bind", str(prefix), _PYTHON_PREFIX], str(inside)


def python_path() -> str:
    """The directory of programs that a system without a Python has to have on its PATH; else empty."""
    return "" if Path("/usr/bin/python3").exists() or not python_mount()[0] else f"{_PYTHON_PREFIX}/bin"


def own_python() -> str:
    """The interpreter that runs this program, outside of its virtual environment."""
    return getattr(sys, "_base_executable", "") or sys.executable
