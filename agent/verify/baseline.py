"""How a repository's tests stand at the base commit."""

from __future__ import annotations

from dataclasses import dataclass

from agent.session.events import TestsRan
from agent.verify.reports.cases import TestReport
from agent.verify.runners.registry import lacks_environment
from agent.verify.selection import ran_nothing


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
    def passed(self) -> bool:
        """Whether nothing failed, as far as is known."""
        return self.ran is None or self.ran.passed

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
