"""`swe-agent models`: the model catalogue, and getting a model's file."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.models_connect import connect_tool
from agent.cli.models_fit import fit_models
from agent.cli.models_serve import serve_model

__all__ = ["models"]

models = typer.Typer(
    name="models",
    help="The model catalogue: list it, download a model, see what fits this machine, serve a model.\n\n"
    "Example:  swe-agent models list",
    no_args_is_help=True,
)


@models.command("list")
def list_models() -> None:
    """List the models of the catalogue, smallest first.

    "on disk" is what the bundled runtime can start at once; "window" is the context window the model was trained for,
    in tokens; "strategy" is who chooses the next action unless --strategy says otherwise.

    Example:  swe-agent models list
    """
    from agent.ui.models.listing import print_models

    print_models()


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A name from `swe-agent models list`.")],
    quantization: Annotated[
        str | None, typer.Option(help="Another quantization than the model's default.", show_default=False)
    ] = None,
) -> None:
    """Download a model's file and print its path; an interrupted download is resumed.

    Example:  swe-agent models pull qwen2.5-coder-1.5b
    """
    from agent.ui.models.pull import run_pull

    run_pull(name, quantization)


models.command("serve")(serve_model)
models.command("connect")(connect_tool)
models.command("fit")(fit_models)
