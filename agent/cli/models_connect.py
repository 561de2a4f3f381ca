"""`swe-agent models connect`: points other tools at the same server."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def connect_tool(
    tool: Annotated[
        Literal["aider", "openhands", "continue", "qwen-code", "codex", "zed"],
        typer.Argument(help="The tool to configure."),
    ],
    base_url: Annotated[
        str | None,
        typer.Option(help="The server's address. [default: the configured one, else http://127.0.0.1:8080/v1]"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name at the server. [default: its first one]")] = None,
    api_key: Annotated[
        str | None, typer.Option(help="The server's API key, if it needs one; it is not printed.")
    ] = None,
) -> None:
    """Print the configuration that points another tool at a model server, with its window and the model's sampling.

    The window is read from the server; where none answers, it is the catalogue's, and the output says so.

    Example:  swe-agent models connect aider --base-url http://127.0.0.1:8080/v1
    """
    from agent.ui.models.connect import print_lines

    print_lines(tool, base_url=base_url, model=model, api_key=api_key)
