"""`swe-agent sessions`: the sessions on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

sessions = typer.Typer(help="The sessions on this machine.\n\nExample:  swe-agent sessions list", no_args_is_help=True)


@sessions.command("list")
def list_sessions() -> None:
    """List sessions, the latest first.

    Example:  swe-agent sessions list
    """
    from agent.ui.sessions import print_list

    print_list()


@sessions.command("show")
def show_session(
    session_id: Annotated[str, typer.Argument(help="A session's id.")],
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
) -> None:
    """Show what happened in a session.

    Example:  swe-agent sessions show 20260131-142501-k3f9
    """
    from agent.ui.sessions import print_session

    print_session(session_id, json_lines=json)
