"""`swe-agent sandbox`: what sandboxes take on this machine, and removing what no session needs."""

from __future__ import annotations

import json
import sys

from agent.app.sandbox_resources import Item, Survey, prune, survey
from agent.errors import SandboxError
from agent.text import printable
from agent.ui.errors import say
from agent.ui.pipes import exit_on_closed_pipe
from agent.ui.sessions.listing import format_size

_HEADINGS = ("kind", "state", "disk", "session", "name")


def print_status(*, as_json: bool) -> None:
    """Print every container, volume and workspace with its state and size: a line for each, or one JSON object."""
    exit_on_closed_pipe()
    found = survey()
    total = sum(each.bytes for each in found.items)
    orphaned = sum(each.bytes for each in found.orphans)
    if as_json:
        _print_json(
            {
                "engine": found.engine or None,
                "problem": found.problem or None,
                "items": [each.as_json() for each in found.items],
                "bytes": total,
                "orphan_bytes": orphaned,
            }
        )
        return
    sys.stdout.write(f"Docker engine: {printable(found.engine or f'none ({found.problem})')}\n")
    if found.items:
        _print_table(found.items)
    sys.stdout.write(f"{_count(found.items)}, {format_size(total)} on disk\n")
    if found.orphans:
        orphans = f"{_count(found.orphans)}, {format_size(orphaned)}, needed by no session"
        sys.stdout.write(f"{orphans}: `swe-agent sandbox prune` removes them\n")


def prune_sandboxes(*, dry_run: bool, as_json: bool) -> int:
    """Remove what no session needs, print each and what was freed; the exit code."""
    exit_on_closed_pipe()
    found = survey()
    if dry_run:
        _print_pruned(found, found.orphans, [], dry_run=True, as_json=as_json)
        return 0
    done = prune(found.orphans)
    _print_pruned(found, done.removed, done.failed, dry_run=False, as_json=as_json)
    return SandboxError.exit_code if done.failed else 0


def _print_pruned(
    found: Survey, removed: list[Item], failed: list[tuple[Item, str]], *, dry_run: bool, as_json: bool
) -> None:
    freed = sum(each.bytes for each in removed)
    if as_json:
        _print_json(
            {
                "dry_run": dry_run,
                "problem": found.problem or None,
                "removed": [each.as_json() for each in removed],
                "failed": [{**item.as_json(), "error": error} for item, error in failed],
                "freed_bytes": freed,
            }
        )
        return
    for item in removed:
        sys.stdout.write(f"{item.kind} {printable(item.name)} ({format_size(item.bytes)})\n")
    sys.stdout.flush()
    for item, error in failed:
        say(f"{item.kind} {item.name}: {error}")
    if found.problem:
        say(f"containers and volumes are left out: {found.problem}")
    what = "would be removed" if dry_run else "removed"
    say(f"{_count(removed)} {what}, {format_size(freed)} {'would be ' if dry_run else ''}freed")


def _print_table(items: list[Item]) -> None:
    rows = [_HEADINGS] + [
        (each.kind, each.state, format_size(each.bytes), each.session or "-", printable(each.name)) for each in items
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    for kind, state, size, session, name in rows:
        sys.stdout.write(
            f"{kind:<{widths[0]}}  {state:<{widths[1]}}  {size:>{widths[2]}}  {session:<{widths[3]}}  {name}\n"
        )


def _count(items: list[Item]) -> str:
    return f"{len(items)} item{'' if len(items) == 1 else 's'}"


def _print_json(data: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
