"""Of the host's files bubblewrap sees what programs need, read-only, and no other user's accounts."""

from __future__ import annotations

from pathlib import Path

from sandbox.host_files import network_mounts, python_mount, system_mounts


def mounted(arguments: list[str]) -> dict[str, str]:
    """Target → source of each mount; a link's text for a link."""
    assert len(arguments) % 3 == 0
    triples = [arguments[at : at + 3] for at in range(0, len(arguments), 3)]
    assert {option for option, _, _ in triples} <= {"--ro-bind", "--ro-bind-try", "--symlink"}
    return {target: source for _, source, target in triples}


def test_only_programs_libraries_and_parts_of_etc_are_seen() -> None:
    targets = mounted(system_mounts())
    assert "/usr" in targets
    assert all(
        target.split("/")[1] in {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc"} for target in targets
    )
    assert (
        not {"/etc", "/etc/shadow", "/etc/ssl", "/etc/ssl/private", "/etc/hosts", "/etc/resolv.conf"} & targets.keys()
    )


def test_the_accounts_are_the_sandboxs_own() -> None:
    passwd = Path(mounted(system_mounts())["/etc/passwd"])
    assert passwd != Path("/etc/passwd")
    assert len(passwd.read_text().splitlines()) == 3


def test_names_can_be_resolved_where_the_network_is_open() -> None:
    targets = mounted(network_mounts())
    assert targets.keys() <= {"/etc/hosts", "/etc/resolv.conf"}
    assert all(Path(source).is_file() and not Path(source).is_symlink() for source in targets.values())


def test_a_python_is_mounted_where_the_system_has_none() -> None:
    arguments, directory = python_mount()
    assert bool(arguments) is bool(directory)
    assert Path("/usr/bin/python3").exists() is not bool(arguments)
