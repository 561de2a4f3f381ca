"""`swe-agent sessions`: the sessions on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

sessions = typer.Typer(
    help="The sessions on this machine: list, show and deliver them, export, fork and remove them.\n\n"
    "A session is named by its id, by a beginning or end of it that no other id has, or by `last`.\n\n"
    "Example:  swe-agent sessions list",
    no_args_is_help=True,
)


def _complete(incomplete: str) -> list[str]:
    """The ids that begin with `incomplete`, for the shell's completion."""
    from agent.session.directories import LAST, session_directories

    return [name for name in (LAST, *(each.name for each in session_directories())) if name.startswith(incomplete)]


_Session = Annotated[
    str, typer.Argument(metavar="ID", help="A session's id, a part of it, or `last`.", autocompletion=_complete)
]


@sessions.command("list")
def list_sessions(
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only the latest N sessions.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object; sizes in bytes, times in UTC.")] = False,
) -> None:
    """List sessions, the latest first, with the status and the disk space of each.

    The status is the result's (fixed, unverified, no_patch, budget, interrupted, error); running while a process works
    on the session; interrupted also where that process was killed; damaged where the journal can't be read.

    Example:  swe-agent sessions list --limit 10
    """
    from agent.ui.sessions.listing import print_list

    print_list(limit=limit, as_json=json)


@sessions.command("show")
def show_session(
    session: _Session,
    json: Annotated[bool, typer.Option("--json", help="Print the events as JSON lines.")] = False,
) -> None:
    """Show what happened in a session.

    Example:  swe-agent sessions show last
    """
    from agent.ui.sessions.show import print_session

    print_session(session, json_lines=json)


@sessions.command("diff")
def diff_session(session: _Session) -> None:
    """Print a session's patch: its result's, or the latest one of an unfinished session.

    Example:  swe-agent sessions diff last | git apply
    """
    from agent.ui.sessions.diff import print_diff

    print_diff(session)


_Repository = Annotated[
    Path | None, typer.Option("--repo", metavar="DIR", help="The repository. [default: where the session found it]")
]


@sessions.command("apply")
def apply_session(session: _Session, repo: _Repository = None) -> None:
    """Apply a session's change to the work tree, all or nothing.

    Example:  swe-agent sessions apply last
    """
    from agent.ui.sessions.deliver import deliver_session

    deliver_session(session, "apply", repository=repo)


@sessions.command("branch")
def branch_session(
    session: _Session,
    name: Annotated[str, typer.Option(metavar="BRANCH", help="The branch. [default: swe-agent/ID]")] = "",
    repo: _Repository = None,
) -> None:
    """Commit a session's change to a new branch; the work tree is not touched.

    Example:  swe-agent sessions branch last
    """
    from agent.ui.sessions.deliver import deliver_session

    deliver_session(session, "branch", repository=repo, branch=name)


@sessions.command("patch")
def patch_session(
    session: _Session,
    output: Annotated[
        Path | None,
        typer.Option("--patch-file", "--output", "-o", metavar="FILE", help="The file. [default: standard output]"),
    ] = None,
    repo: _Repository = None,
) -> None:
    """Print or write a session's change, held to the rules for leaving the sandbox (`diff` prints it as it is).

    Example:  swe-agent sessions patch last --patch-file fix.diff
    """
    from agent.ui.sessions.deliver import deliver_session

    deliver_session(session, "patch", repository=repo, output=output)


@sessions.command("export")
def export_session(
    session: _Session,
    form: Annotated[
        Literal["atif", "swe-agent", "jsonl"],
        typer.Option("--format", help="ATIF 1.8, a SWE-agent trajectory, or the events as JSON lines."),
    ] = "atif",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. [default: standard output]")
    ] = None,
) -> None:
    """Export a session in a format that other programs read.

    Anything that looks like a credential is masked, and the home directory is written as ~.

    Example:  swe-agent sessions export last --format swe-agent --output last.traj.json
    """
    from agent.ui.sessions.export import export

    export(session, form, output)


@sessions.command("fork")
def fork_session(
    session: _Session,
    at: Annotated[
        int, typer.Option(min=0, metavar="STEP", help="After which step (reply of the model); 0 is before the first.")
    ],
) -> None:
    """Make a new session that shares the beginning of another one, up to a step, and print its id.

    The other session is unchanged. `swe-agent resume` continues the new one, with other settings if you like.

    Example:  swe-agent sessions fork last --at 12
    """
    from agent.ui.sessions.fork import fork_session as fork

    fork(session, at)


@sessions.command("rm")
def rm_sessions(
    session: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Session ids, parts of ids, or `last`.", autocompletion=_complete),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Sessions without activity for this long, like 30d, 2w, 12h.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sessions.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Don't ask for confirmation with --older-than and --all.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Print what would be removed, and remove nothing.")] = False,
    force: Annotated[
        bool, typer.Option(help="Remove the record even where the Docker volume can't be removed.")
    ] = False,
) -> None:
    """Remove sessions: record, workspace, Docker volume and container. Running ones are refused.

    Example:  swe-agent sessions rm --older-than 30d --dry-run
    """
    from agent.ui.sessions.remove import remove_sessions

    given = session or []
    raise typer.Exit(remove_sessions(given, older_than=older_than, every=every, yes=yes, dry_run=dry_run, force=force))
