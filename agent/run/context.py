"""What an attempt at an issue is given and does not change: the task, its budgets, the tests and their baseline."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.config import Settings
from agent.forge.issue import Issue
from agent.repo.host import HostRepository
from agent.session.events import Warned
from agent.session.session import Session
from agent.session.state import State
from agent.verify.baseline import Baseline
from agent.verify.suite import TestRunner


@dataclass(frozen=True)
class RunContext:
    """The task of one attempt, the budgets it has, and how the repository's tests stand at the base commit."""

    session: Session
    settings: Settings
    issue: Issue
    repository: HostRepository
    tests: TestRunner | None = None
    baseline: Baseline = field(default_factory=Baseline)
    instructions: str = ""
    """The repository's instructions for agents (AGENTS.md), empty where it has none."""

    def warn(self, message: str) -> None:
        """Journal something that the user should know."""
        self.session.emit(Warned(message=message))

    def exhausted_budget(self) -> str:
        """Which budget is used up, in words; empty when none is. The time limit is kept by the loop."""
        return exhausted_budget(self.session.state, self.settings)


def exhausted_budget(state: State, settings: Settings) -> str:
    """Which budget of steps or tokens is used up, in words; empty when none is."""
    if state.totals.steps >= settings.max_steps:
        return f"the budget of {settings.max_steps} steps is used up"
    if settings.max_tokens and state.totals.usage.completion_tokens >= settings.max_tokens:
        return f"the budget of {settings.max_tokens} generated tokens is used up"
    return ""
