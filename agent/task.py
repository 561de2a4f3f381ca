"""What a session is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agent.config import Settings
from agent.forge.issue import Issue
from agent.repo.host import HostRepository
from agent.session.live import LiveEvent, ProgressReported
from agent.session.redaction import redacted_live
from agent.session.session import Subscriber
from sandbox.network.allowed import AllowedHosts


@dataclass(frozen=True)
class Task:
    """What a session is to do, and who watches it."""

    session_id: str
    directory: Path
    issue: Issue
    repository: HostRepository
    settings: Settings
    subscribers: tuple[Subscriber, ...] = ()

    @cached_property
    def allowed_hosts(self) -> AllowedHosts | None:
        """The only hosts that sandboxes of the session reach, and what was refused; None for all hosts.

        Raises `UsageError` for a pattern that is none.
        """
        return AllowedHosts.of(self.settings.allow_hosts)

    def publish(self, event: LiveEvent) -> None:
        """Let everyone who watches know of something that is not journalled."""
        shown = redacted_live(event)
        for subscriber in self.subscribers:
            subscriber(shown)

    def report(self, message: str) -> None:
        """Let everyone who watches know what is being done."""
        self.publish(ProgressReported(message))
