"""What a session is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.config import Settings
from agent.forge.issue import Issue
from agent.repo.host import HostRepository
from agent.session.live import LiveEvent, ProgressReported
from agent.session.redaction import redacted_live
from agent.session.session import Subscriber


@dataclass(frozen=True)
class Task:
    """What a session is to do, and who watches it."""

    session_id: str
    directory: Path
    issue: Issue
    repository: HostRepository
    settings: Settings
    subscribers: tuple[Subscriber, ...] = ()

    def publish(self, event: LiveEvent) -> None:
        """Let everyone who watches know of something that is not journalled."""
        shown = redacted_live(event)
        for subscriber in self.subscribers:
            subscriber(shown)

    def report(self, message: str) -> None:
        """Let everyone who watches know what is being done."""
        self.publish(ProgressReported(message))
