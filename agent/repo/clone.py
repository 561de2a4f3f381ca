"""Clones of repositories that are named by an address, kept up to date."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agent.errors import RepositoryUnreadable


def clone(url: str, cache: Path) -> Path:
    """A clone of `url` under `cache`, brought up to date. Raises `RepositoryUnreadable`.

    Credentials come from the user's own git; submodules and hooks are left out.
    """
    name = url.removesuffix(".git").rstrip("/").replace("://", "/").replace(":", "/").strip("/")
    place = cache / "/".join(part for part in name.split("/") if part not in {"", ".", ".."})
    safe = ["-c", f"core.hooksPath={os.devnull}"]
    if (place / ".git").is_dir():
        steps = [["-C", str(place), "fetch", "--quiet", "--prune", "origin"]]
        steps += [["-C", str(place), "reset", "--quiet", "--hard", "origin/HEAD"]]
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        steps = [["clone", "--quiet", "--no-recurse-submodules", "--", url, str(place)]]
    for step in steps:
        done = subprocess.run(
            ["git", *safe, *step],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
        if done.returncode != 0:
            raise RepositoryUnreadable(f"{url} can't be cloned: {done.stderr.strip()[-300:]}")
    return place
