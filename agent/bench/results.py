"""What is kept of a task and of a run; the same in every file and in the JSON output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agent.bench.scoring.statistics import wilson
from agent.model.types import Usage
from agent.session.events import Verification

Status = Literal["fixed", "unverified", "no_patch", "budget", "error"]


class TaskResult(BaseModel):
    """The result of a task.

    `status` is the session's own, `solved` the verdict of the deciding tests, `reason` why it is not solved. `seconds`
    is the session's time, `scoring_seconds` the scoring's. `still_failing` are tests of FAIL_TO_PASS that don't pass,
    `broken` those of PASS_TO_PASS.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    instance_id: str
    status: Status
    solved: bool
    reason: str = ""
    exit_code: int
    session_id: str = ""
    model: str = ""
    strategy: str = ""
    files: list[str] = []
    verification: Verification | None = None
    attempts: int = 0
    steps: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0
    scoring_seconds: float = 0.0
    still_failing: list[str] = []
    broken: list[str] = []


class TaskFailure(BaseModel):
    """A task that infrastructure prevented: it has no result, and the next run with the same directory retries it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    instance_id: str
    reason: str
    exit_code: int


class RunSummary(BaseModel):
    """The figures of a run.

    Of `tasks` tasks `run` have a result. `share` is solved / run (0 to 1), `interval` Wilson's 95% interval for it;
    `usage` and `seconds` are sums over the tasks.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["summary"] = "summary"
    model: str = ""
    version: str = ""
    settings: dict[str, Any] = {}
    tasks: int
    run: int
    solved: int
    share: float
    interval: tuple[float, float]
    usage: Usage
    seconds: float
    failures: list[TaskFailure] = []


def summarise_run(
    tasks: int,
    results: Sequence[TaskResult],
    failures: Sequence[TaskFailure],
    *,
    version: str,
    settings: dict[str, Any],
) -> RunSummary:
    """The figures of a run over `tasks` tasks, of which `results` have a result."""
    solved = sum(each.solved for each in results)
    low, high = wilson(solved, len(results))
    return RunSummary(
        model=", ".join(dict.fromkeys(each.model for each in results if each.model)),
        version=version,
        settings=settings,
        tasks=tasks,
        run=len(results),
        solved=solved,
        share=round(solved / len(results), 4) if results else 0.0,
        interval=(round(low, 4), round(high, 4)),
        usage=sum((each.usage for each in results), Usage()),
        seconds=round(sum(each.seconds for each in results), 3),
        failures=list(failures),
    )
