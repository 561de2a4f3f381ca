"""Removing sessions for the command line: which, asked for, one by one, and what that freed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from agent.errors import SweAgentError, UsageError
from agent.session.directories import find_session, session_directories
from agent.session.overview import SessionOverview, read_overview
from agent.session.removal import measure_volumes, open_remover, parse_age
from agent.text import printable
from agent.ui.sessions.commands import print_table, size


def remove_sessions(
    words: list[str], *, older_than: str | None, every: bool, yes: bool, dry_run: bool, force: bool
) -> int:
    """Remove the named sessions, or those without activity for so long, or all; the exit code.

    Running ones are refused where they are named, else left out. Raises `UsageError`.
    """
    from rich.console import Console

    if bool(words) + bool(older_than) + every != 1:
        raise UsageError("which sessions?", hint="name them, or give one of --older-than 30d and --all")
    going = _named(words) if words else _chosen(parse_age(older_than) if older_than else 0.0)
    measure_volumes(going)
    print_table(going, Console(soft_wrap=True, stderr=True))
    told = f"{len(going)} session{'' if len(going) == 1 else 's'}, {size(sum(map(_bytes, going)))} on disk"
    if dry_run or not going:
        _say(f"{told}; {'nothing is removed: a dry run' if dry_run else 'nothing to remove'}")
        return 0
    if not (yes or words or _agreed(f"Remove {told}?", sys.stdin.readline)):
        _say("nothing is removed")
        return 1
    return _remove(going, force=force)


def _named(words: list[str]) -> list[SessionOverview]:
    """The sessions meant, each once; nothing is removed where one of them can't be."""
    places = dict.fromkeys(find_session(word) for word in words)
    summaries = [read_overview(place) for place in places]
    running = [each.id for each in summaries if each.status == "running"]
    if running:
        raise UsageError(f"running, and not removed: {', '.join(running)}", hint="end it first, with Ctrl-C")
    return summaries


def _chosen(age: float) -> list[SessionOverview]:
    """All that are not running and whose last event is older than `age` seconds."""
    summaries = [read_overview(place) for place in session_directories()]
    for each in summaries:
        if each.status == "running":
            _say(f"{each.id} is running and is left out")
    newest = time.time() - age
    return [each for each in summaries if each.status != "running" and (not age or _last(each) < newest)]


def _last(summary: SessionOverview) -> float:
    """When it was last worked on; by its directory's time where the journal doesn't say."""
    try:
        return summary.last or summary.directory.stat().st_mtime
    except OSError:
        return time.time()


def _agreed(question: str, answer: Callable[[], str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("not removed without being asked", hint="give --yes where nobody can answer")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return answer().strip().lower() in {"y", "yes"}


def _remove(going: list[SessionOverview], *, force: bool) -> int:
    """One by one: what can't be removed is told and the others are."""
    freed, removed, exit_code = 0, 0, 0
    with open_remover(going) as remover:
        for summary in going:
            try:
                remover.remove(summary, force=force)
            except SweAgentError as error:
                _say(str(error))
                exit_code = error.exit_code
                continue
            removed += 1
            freed += _bytes(summary)
            sys.stdout.write(f"{summary.id}\n")
    sys.stdout.flush()
    _say(f"{removed} removed, {size(freed)} freed")
    return exit_code


def _bytes(summary: SessionOverview) -> int:
    return summary.disk_bytes + summary.volume_bytes


def _say(text: str) -> None:
    sys.stderr.write(f"swe-agent: {printable(text)}\n")
