"""Workspaces that are directories of the host: making, copying and removing them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.errors import SandboxUnavailable

_SYSTEM_PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def make_workspace(directory: Path, *, mode: int = 0o777) -> None:
    """Make a workspace's directory with its parents, if absent. Raises `SandboxUnavailable`."""
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxUnavailable(
            f"{directory} can't be made: {error.strerror}", hint="free some disk, or set SWE_AGENT_HOME elsewhere"
        ) from error


def copy_tree(directory: Path, target: Path | None = None) -> Path:
    """Copy a workspace to `target`, or `-clean` beside it, links as links; returns it. Raises `SandboxUnavailable`.

    No process may be left that can change the tree meanwhile.
    """
    target = target or directory.with_name(f"{directory.name}-clean")
    if target.exists():
        remove_tree(target)  # left by a process that was killed
    command = ["cp", "-a", "--reflink=auto", "--", str(directory), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxUnavailable(
            f"the workspace can't be copied: {done.stderr.strip()[-300:]}", hint="free some disk, then resume"
        )
    return target


def remove_tree(directory: Path) -> None:
    """Remove a tree whatever its modes and depth; links are not followed. What can't be removed stays.

    No process may be left that can change the tree meanwhile.
    """
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        subprocess.run([*command, "--", str(directory)], capture_output=True, check=False, env=_SYSTEM_PATH)
