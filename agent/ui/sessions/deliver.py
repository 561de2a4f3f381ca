"""`swe-agent sessions apply|branch|patch`: delivers the change of a session that is over, in any form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agent.app.delivery import Deliverable, Delivery, find_deliverable
from agent.ui.errors import say
from agent.ui.fix import print_delivery
from agent.ui.pipes import exit_on_closed_pipe

Form = Literal["apply", "branch", "patch"]


def deliver_session(
    name: str, form: Form, *, repository: Path | None = None, branch: str = "", output: Path | None = None
) -> None:
    """Deliver a session's change; where it comes from, and what was left out of it, goes to standard error.

    Raises `UsageError` for an unknown session or a file that can't be written, `JournalError`s, `SourceError`s, and
    `SweAgentError` where there is no change.
    """
    change = find_deliverable(name, repository)
    if output is None:
        exit_on_closed_pipe()
    print_delivery(_deliver(change, form, branch, output))
    if change.patch.left_out:
        names = ", ".join(map(repr, change.patch.left_out))
        say(f"left out, since it runs or steers something: {names}")
    say(change.origin)


def _deliver(change: Deliverable, form: Form, branch: str, output: Path | None) -> Delivery:
    if form == "apply":
        return change.apply()
    if form == "branch":
        return change.commit(branch)
    return Delivery(unwritten=change.patch.data) if output is None else change.write(output)
