"""`swe-agent models pull`: downloads a model's file, with a progress bar."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from agent.catalogue.profiles import GENERIC, Profile, find_profile, load_catalogue
from agent.errors import UsageError


def run_pull(name: str, quantization: str | None) -> None:
    """Download a model's file and print its path.

    Raises `UsageError` for a model the catalogue does not have, `ModelUnavailable` where the download fails.
    """
    profile = find_profile(name)
    if profile.name == GENERIC:
        known = ", ".join(each.name for each in load_catalogue() if each.gguf)
        raise UsageError(f"the catalogue has no model {name!r}", hint=f"it has {known}")
    path = anyio.run(_pull_with_bar, profile, quantization)
    sys.stdout.write(f"{path}\n")


async def _pull_with_bar(profile: Profile, quantization: str | None) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    from agent.catalogue.download import DownloadProgress, pull

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(profile.name, total=None)

        def show(progress: DownloadProgress) -> None:
            description = f"{profile.name} ({progress.source})"
            bar.update(task, completed=progress.done, total=progress.total, description=description)

        return await pull(profile, quantization, on_progress=show)
