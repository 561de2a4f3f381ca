"""`swe-agent models connect`: other tools at the same server."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def connect_tool(
    tool: Annotated[
        Literal["aider", "openhands", "continue", "qwen-code", "codex", "zed"],
        typer.Argument(help="The tool to be pointed at the server."),
    ],
    base_url: Annotated[
        str | None, typer.Option(help="The endpoint. [default: the configured one, else http://127.0.0.1:8080/v1]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name at the server. [default: its first]")] = None,
    api_key: Annotated[str | None, typer.Option(help="Its key, if it wants one; it is not printed.")] = None,
) -> None:
    """Prints the lines that point another tool at a model server, with its window and the model's sampling.

    The server is asked for its window; without one, the catalogue's figures are printed and the lines say so.

    Example:  swe-agent models connect aider --base-url http://127.0.0.1:8080/v1
    """
    from agent.ui.models.connect import print_lines

    print_lines(tool, base_url=base_url, model=model, api_key=api_key)
