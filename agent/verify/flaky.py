"""Flaky tests: those that fail in one run and pass when they are run again, alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.session.events import Event, TestFailure, TestsRan
from agent.verify.narrowing import for_names
from agent.verify.reports.cases import TestReport
from agent.verify.runners import identify_runner
from agent.verify.suite import Phase, TestRunner

ABOUT = "what failed, once more"
_QUICK_SECONDS = 10.0  # a repetition that takes less is run twice


async def find_flaky(
    tests: TestRunner, names: Sequence[str], phase: Phase, emit: Callable[[Event], None], *, limit: float | None = None
) -> frozenset[str]:
    """Those of the failing tests `names` that pass when they are run again alone; none where the runner can't do so.

    Takes one or two runs; `emit` gets the event of each. Raises `SandboxLost`.
    """
    command = for_names(tests.command, identify_runner(tests.command, await tests.manifest("package.json")), names)
    flaky: set[str] = set()
    for _ in range(2 if command else 0):
        ran, report = await tests.run_in_full(phase, command=command, about=ABOUT, limit=limit)
        emit(ran)
        flaky |= report.passing.intersection(names)
        if ran.seconds > _QUICK_SECONDS or ran.ended != "exited" or flaky.issuperset(names):
            break
    return frozenset(flaky)


def without_flaky(ran: TestsRan, flaky: frozenset[str]) -> TestsRan:
    """The run without its flaky tests; passed where only they failed."""
    if not flaky.intersection(ran.failures):
        return ran
    failures = [name for name in ran.failures if name not in flaky]
    details: list[TestFailure] = [failure for failure in ran.details if failure.name not in flaky]
    failed = None if ran.failed is None else max(ran.failed - (len(ran.failures) - len(failures)), len(failures))
    passed = not failures and not failed and ran.ended == "exited"
    return ran.model_copy(update={"failures": failures, "details": details, "failed": failed, "passed": passed})


def passes(name: str, report: TestReport) -> bool:
    """Whether a test passes in a report; for a file or package, whether all that is in it passes."""
    if name in report.passing:
        return True
    inner = (f"{name}::", f"{name}.")
    return any(each.startswith(inner) for each in report.passing) and not any(
        each == name or each.startswith(inner) for each in report.failing
    )
