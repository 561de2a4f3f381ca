"""What an attempt at an issue is given and does not change: the task, its budgets, the tests and their baseline."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.config import Settings
from agent.forge.issue import Issue
from agent.repo.host import HostRepository
from agent.session.events import TestsRan, Warned
from agent.session.session import Session
from agent.session.state import State
from agent.verify.reports.cases import TestReport
from agent.verify.runners.registry import lacks_environment
from agent.verify.selection import ran_nothing
from agent.verify.suite import TestRunner


@dataclass(frozen=True)
class Baseline:
    """The tests at the base commit, before any change.

    `ran` is the run without the flaky tests, None where no test command is known; `report` has its cases by name;
    `flaky` are the tests that pass and fail at random.
    """

    ran: TestsRan | None = None
    report: TestReport | None = None
    flaky: frozenset[str] = frozenset()

    @property
    def failing(self) -> frozenset[str]:
        """The names of the tests that fail before any change, as far as the runner names them."""
        return frozenset(self.ran.failures) if self.ran is not None and not self.ran.passed else frozenset()

    @property
    def tests_unusable(self) -> bool:
        """Whether the tests say nothing of a change: what they need is missing, or there are none."""
        ran = self.ran
        if ran is None or ran.passed or ran.failures:
            return False
        return lacks_environment(ran.output, ran.exit_code) or ran_nothing(ran)


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
