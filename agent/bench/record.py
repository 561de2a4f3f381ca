"""What is kept of a task: one record, the same in every file and on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agent.bench.scoring.statistics import wilson
from agent.model.types import Usage
from agent.session.events import Verification

Status = Literal["fixed", "unverified", "no_patch", "budget", "error"]


class Record(BaseModel):
    """How a task came out. `status` is the session's own word, `solved` the verdict of the tests that decide.

    `reason` says why it is not solved. Times in seconds: the session's and the scoring's.
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


class Failure(BaseModel):
    """A task that infrastructure prevented: no result, tried again by the next run with the same directory."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    instance_id: str
    reason: str
    exit_code: int


class Summary(BaseModel):
    """A run as a whole. `interval` is Wilson's for the share solved, with 95%; seconds are summed over the tasks."""

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
    failures: list[Failure] = []


def summarise(
    tasks: int, records: Sequence[Record], failures: Sequence[Failure], *, version: str, settings: dict[str, Any]
) -> Summary:
    """The summary of `tasks` tasks, of which `records` have a result."""
    solved = sum(each.solved for each in records)
    low, high = wilson(solved, len(records))
    return Summary(
        model=", ".join(dict.fromkeys(each.model for each in records if each.model)),
        version=version,
        settings=settings,
        tasks=tasks,
        run=len(records),
        solved=solved,
        share=round(solved / len(records), 4) if records else 0.0,
        interval=(round(low, 4), round(high, 4)),
        usage=sum((each.usage for each in records), Usage()),
        seconds=round(sum(each.seconds for each in records), 3),
        failures=list(failures),
    )
