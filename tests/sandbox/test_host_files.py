"""Bubblewrap is shown programs and libraries of the host, and nothing that is somebody's."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import sandbox
from sandbox.host_files import network_mounts, python_mount, python_path, system_mounts

OWN = PurePosixPath(str(Path(sandbox.__file__).parent / "etc"))


def bound(arguments: list[str]) -> list[tuple[str, str]]:
    """The mounts of the host's files, source and target, all of them read-only."""
    found, rest = [], list(arguments)
    while rest:
        option, source, target, *rest = rest
        assert option in {"--ro-bind", "--ro-bind-try", "--symlink"}
        if option != "--symlink":
            found.append((source, target))
    return found


def test_what_is_shown_is_of_the_system_and_none_of_it_secret() -> None:
    mounts = bound(system_mounts())
    assert ("/usr", "/usr") in mounts
    for source, target in mounts:
        place = PurePosixPath(source)
        assert place.parts[1] in {
            "usr",
            "bin",
            "sbin",
            "lib",
            "lib32",
            "lib64",
            "libx32",
            "etc",
        } or place.is_relative_to(OWN)
        assert place.name not in {"etc", "shadow", "gshadow", "private", "ssh", "sudoers"}
        assert target.startswith(("/usr", "/etc/", "/bin", "/sbin", "/lib"))


def test_accounts_are_the_sandboxs_own() -> None:
    targets = {target: PurePosixPath(source) for source, target in bound(system_mounts())}
    assert targets["/etc/passwd"].is_relative_to(OWN) and targets["/etc/group"].is_relative_to(OWN)


def test_names_are_resolved_only_where_the_network_is_open() -> None:
    with_names = {target for _, target in bound(network_mounts())}
    assert with_names <= {"/etc/hosts", "/etc/resolv.conf"}
    assert not with_names & {target for _, target in bound(system_mounts())}


def test_the_supervisors_python_is_seen_and_on_the_path_only_where_the_system_has_none() -> None:
    arguments, program = python_mount()
    if Path(sys.base_prefix).resolve().is_relative_to("/usr"):
        assert not arguments and Path(program).exists()
    else:
        ((source, target),) = bound(arguments)
        assert (Path(source) / PurePosixPath(program).relative_to(target)).exists()
    assert bool(python_path()) == (bool(arguments) and not Path("/usr/bin/python3").exists())
