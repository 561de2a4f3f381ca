"""`swe-agent models`: the model catalogue, and getting a model's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.models_connect import connect_tool
from agent.cli.models_fit import fit_models
from agent.cli.models_serve import serve_model

if TYPE_CHECKING:
    from pathlib import Path

    from agent.catalogue.profiles import Profile

__all__ = ["models"]

models = typer.Typer(
    name="models",
    help="The model catalogue: what there is, what is here, and getting more.\n\nExample:  swe-agent models list",
    no_args_is_help=True,
)


@models.command("list")
def list_models() -> None:
    """Lists the models known, smallest first.

    "on disk" is what the bundled runtime can start at once; "window" is what the model was trained for, in
    tokens; "strategy" is who chooses the next action unless --strategy says otherwise.

    Example:  swe-agent models list
    """
    from rich.console import Console
    from rich.table import Table

    from agent.catalogue.download import on_disk
    from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, load_catalogue

    table = Table("name", "quantization", box=None, pad_edge=False)
    for heading in ("size", "on disk", "strategy", "window"):
        table.add_column(heading, justify="right" if heading in ("size", "window") else "left")
    for profile in load_catalogue():
        if profile.name == GENERIC:
            continue
        file = profile.gguf_file()
        table.add_row(
            profile.name + (" (default)" if profile.name == DEFAULT_MODEL else ""),
            profile.default_quantization or "",
            f"{file.bytes / 1e9:.1f} GB" if file else "",
            "yes" if on_disk(profile) else "no",
            profile.strategy,
            f"{profile.window:,}" if profile.window else "",
        )
    Console().print(table)


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A name from `swe-agent models list`.")],
    quantization: Annotated[
        str | None, typer.Option(help="Another quantization than the model's default.", show_default=False)
    ] = None,
) -> None:
    """Gets a model's file and prints its path; a download that broke is taken up again.

    Example:  swe-agent models pull qwen2.5-coder-1.5b
    """
    from agent.catalogue.profiles import GENERIC, find_profile, load_catalogue
    from agent.errors import UsageError

    profile = find_profile(name)
    if profile.name == GENERIC:
        known = ", ".join(each.name for each in load_catalogue() if each.gguf)
        raise UsageError(f"the catalogue has no model {name!r}", hint=f"it has {known}")
    typer.echo(_pull_with_bar(profile, quantization))


def _pull_with_bar(profile: Profile, quantization: str | None) -> Path:
    import anyio
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    from agent.catalogue.download import Progress, pull

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(profile.name, total=None)

        def show(progress: Progress) -> None:
            description = f"{profile.name} ({progress.source})"
            bar.update(task, completed=progress.done, total=progress.total, description=description)

        async def run() -> Path:
            return await pull(profile, quantization, on_progress=show)

        return anyio.run(run)


models.command("serve")(serve_model)
models.command("connect")(connect_tool)
models.command("fit")(fit_models)
