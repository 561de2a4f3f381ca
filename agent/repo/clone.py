"""Clones of repositories that are named by an address, kept up to date."""

from __future__ import annotations

from pathlib import Path

from agent.errors import RepositoryUnreadable
from agent.files import make_private
from agent.redaction import mask_addresses, without_user_information
from agent.repo.host_git import HostGit


def clone(url: str, cache: Path) -> Path:
    """A clone of `url` under `cache`, brought up to date. Raises `RepositoryUnreadable`.

    Credentials come from the user's own git; submodules and hooks are left out.
    """
    shown = without_user_information(url)
    name = shown.removesuffix(".git").rstrip("/").replace("://", "/").replace(":", "/").strip("/")
    directory = cache / "/".join(part for part in name.split("/") if part not in {"", ".", ".."})
    if (directory / ".git").is_dir():
        steps = [["-C", str(directory), "fetch", "--quiet", "--prune", "origin"]]
        steps += [["-C", str(directory), "reset", "--quiet", "--hard", "origin/HEAD"]]
    else:
        make_private(directory.parent)
        steps = [["clone", "--quiet", "--no-recurse-submodules", "--", url, str(directory)]]
    git = HostGit.of_user()
    for step in steps:
        done = git.run(*step)
        if not done.ok:
            raise RepositoryUnreadable(f"{shown} can't be cloned: {mask_addresses(done.error)}")
    return directory
