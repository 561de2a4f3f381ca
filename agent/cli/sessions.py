"""`swe-agent sessions`: the sessions on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

sessions = typer.Typer(
    help="The sessions on this machine: what they did, their change, their record in other formats; removing them.\n\n"
    "A session is named by its id, the beginning or end of it where that is of one only, or `last`.\n\n"
    "Example:  swe-agent sessions list",
    no_args_is_help=True,
)


def _complete(incomplete: str) -> list[str]:
    """The ids that begin so, for the shell."""
    from agent.session.directories import LAST, session_directories

    return [name for name in (LAST, *(place.name for place in session_directories())) if name.startswith(incomplete)]


_Session = Annotated[
    str, typer.Argument(metavar="ID", help="A session's id, a part of it, or `last`.", autocompletion=_complete)
]


@sessions.command("list")
def list_sessions(
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only the latest so many.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object; sizes in bytes, times in UTC.")] = False,
) -> None:
    """List sessions, the latest first, with what each came to and the disk it takes.

    The status is the result's (fixed, unverified, no_patch, budget, interrupted, error); running while a process works
    on it; interrupted, too, where that was killed; damaged where the journal can't be read, with the line.

    Example:  swe-agent sessions list --limit 10
    """
    from agent.ui.sessions.listing import print_list

    print_list(limit=limit, as_json=json)


@sessions.command("show")
def show_session(
    session: _Session,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines.")] = False,
) -> None:
    """Show what happened in a session.

    Example:  swe-agent sessions show last
    """
    from agent.ui.sessions.show import print_session

    print_session(session, json_lines=json)


@sessions.command("diff")
def diff_session(session: _Session) -> None:
    """Print a session's change as a patch: its result's, or as far as an unfinished one has come.

    Example:  swe-agent sessions diff last | git apply
    """
    from agent.ui.sessions.diff import print_diff

    print_diff(session)


@sessions.command("export")
def export_session(
    session: _Session,
    form: Annotated[
        Literal["atif", "swe-agent", "jsonl"],
        typer.Option("--format", help="ATIF 1.8, a SWE-agent trajectory, or the events as JSON lines."),
    ] = "atif",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to. [default: standard output]")] = None,
) -> None:
    """Write a session in a format that other programs read.

    What looks like a credential is masked, and the home directory is written as ~.

    Example:  swe-agent sessions export last --format swe-agent --output last.traj.json
    """
    from agent.ui.sessions.export import export

    export(session, form, output)


@sessions.command("fork")
def fork_session(
    session: _Session,
    at: Annotated[
        int, typer.Option(min=0, metavar="STEP", help="After which of the model's replies; 0 is before all.")
    ],
) -> None:
    """Begin a session as another one did, up to a step of it; prints the new one's id.

    The other one stays as it is. `swe-agent resume` goes on with the new one, with other settings if you like.

    Example:  swe-agent sessions fork last --at 12
    """
    from agent.ui.sessions.fork import fork_session as fork

    fork(session, at)


@sessions.command("rm")
def rm_sessions(
    session: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Sessions, each named as above.", autocompletion=_complete),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Those without activity for so long, like 30d, 2w, 12h.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before --older-than and --all.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would go, and remove nothing.")] = False,
    force: Annotated[bool, typer.Option(help="Also where the session's Docker volume can't be removed.")] = False,
) -> None:
    """Remove sessions: the record, the workspace, the Docker volume and container. Running ones are refused.

    Example:  swe-agent sessions rm --older-than 30d --dry-run
    """
    from agent.ui.sessions.remove import remove_sessions

    given = session or []
    raise typer.Exit(remove_sessions(given, older_than=older_than, every=every, yes=yes, dry_run=dry_run, force=force))
