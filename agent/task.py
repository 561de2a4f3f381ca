"""What a session is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings
from agent.forge.issue import Issue
from agent.model.types import OnText, OnWait
from agent.repo.host import HostRepository
from agent.session.session import Subscriber

if TYPE_CHECKING:
    from agent.catalogue.download import Progress


@dataclass(frozen=True)
class Task:
    """What a session is to do, and who watches it."""

    session_id: str
    directory: Path
    issue: Issue
    repository: HostRepository
    settings: Settings
    subscribers: tuple[Subscriber, ...] = ()
    on_text: OnText = lambda _: None
    on_wait: OnWait = lambda _: None
    on_call: Callable[[int], None] = lambda _: None
    on_progress: Callable[[str], None] = lambda _: None
    on_download: Callable[[Progress], None] | None = None
