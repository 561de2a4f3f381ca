"""`swe-agent sessions rm`: removes sessions, after confirmation where they were not named."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from agent.errors import SweAgentError, UsageError
from agent.session.directories import find_session, session_directories
from agent.session.overview import SessionOverview, read_overview
from agent.session.removal import measure_volumes, open_remover, parse_age
from agent.ui.errors import say
from agent.ui.sessions.listing import format_size, print_table


def remove_sessions(
    names: list[str], *, older_than: str | None, every: bool, yes: bool, dry_run: bool, force: bool
) -> int:
    """Remove the named sessions, those without activity for a time, or all, and return the exit code.

    Running sessions are refused where they are named, else left out. Raises `UsageError`.
    """
    from rich.console import Console

    if bool(names) + bool(older_than) + every != 1:
        raise UsageError("which sessions?", hint="name them, or give one of --older-than 30d and --all")
    chosen = _named(names) if names else _inactive_for(parse_age(older_than) if older_than else 0.0)
    measure_volumes(chosen)
    print_table(chosen, Console(soft_wrap=True, stderr=True))
    total = f"{len(chosen)} session{'' if len(chosen) == 1 else 's'}, {format_size(sum(map(_bytes, chosen)))} on disk"
    if dry_run or not chosen:
        say(f"{total}; {'nothing is removed: a dry run' if dry_run else 'nothing to remove'}")
        return 0
    if not (yes or names or _confirmed(f"Remove {total}?", sys.stdin.readline)):
        say("nothing is removed")
        return 1
    return _remove(chosen, force=force)


def _named(names: list[str]) -> list[SessionOverview]:
    """The named sessions, each once. Raises `UsageError` where one of them is running: none is removed then."""
    directories = dict.fromkeys(find_session(name) for name in names)
    sessions = [read_overview(directory) for directory in directories]
    running = [each.id for each in sessions if each.status == "running"]
    if running:
        raise UsageError(f"running, and not removed: {', '.join(running)}", hint="end it first, with Ctrl-C")
    return sessions


def _inactive_for(age: float) -> list[SessionOverview]:
    """All sessions that are not running and whose last event is at least `age` seconds old."""
    sessions = [read_overview(directory) for directory in session_directories()]
    for each in sessions:
        if each.status == "running":
            say(f"{each.id} is running and is left out")
    newest = time.time() - age
    return [each for each in sessions if each.status != "running" and (not age or _last_activity(each) < newest)]


def _last_activity(session: SessionOverview) -> float:
    """Seconds since 1970 of the last event, by the directory's time where the journal doesn't say."""
    try:
        return session.last or session.directory.stat().st_mtime
    except OSError:
        return time.time()


def _confirmed(question: str, answer: Callable[[], str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("not removed without confirmation", hint="give --yes where nobody can answer")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return answer().strip().lower() in {"y", "yes"}


def _remove(chosen: list[SessionOverview], *, force: bool) -> int:
    """Remove one by one and print each id; a session that can't be removed is reported and the others go on."""
    freed, removed, exit_code = 0, 0, 0
    with open_remover(chosen) as remover:
        for session in chosen:
            try:
                remover.remove(session, force=force)
            except SweAgentError as error:
                say(str(error))
                exit_code = error.exit_code
                continue
            removed += 1
            freed += _bytes(session)
            sys.stdout.write(f"{session.id}\n")
    sys.stdout.flush()
    say(f"{removed} removed, {format_size(freed)} freed")
    return exit_code


def _bytes(session: SessionOverview) -> int:
    return session.disk_bytes + session.volume_bytes
