"""`swe-agent sandbox`: what sandboxes take on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

sandbox = typer.Typer(
    help="What sandboxes take on this machine: containers, volumes and workspaces.\n\n"
    "Example:  swe-agent sandbox status",
    no_args_is_help=True,
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object; sizes in bytes.")]


@sandbox.command("status")
def status(json: _Json = False) -> None:
    """Show the Docker engine, and each container, volume and workspace with its state and size.

    The state is `in use` while a process works with it, `kept` for a session that can be resumed, `orphan` where no
    session needs it, and `unknown` where another home or version made it.

    Example:  swe-agent sandbox status --json
    """
    from agent.ui.sandbox import print_status

    print_status(as_json=json)


@sandbox.command("prune")
def prune(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    json: _Json = False,
) -> None:
    """Remove the containers, volumes and workspaces that no session needs, without asking.

    Sessions that run or can be resumed keep theirs; their records stay in any case (`swe-agent sessions rm` removes
    those). What another home or version made is left.

    Example:  swe-agent sandbox prune --dry-run
    """
    from agent.ui.sandbox import prune_sandboxes

    raise typer.Exit(prune_sandboxes(dry_run=dry_run, as_json=json))
