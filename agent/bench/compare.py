"""Several runs side by side, on the tasks that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.bench.directory import RunDirectory
from agent.bench.results import TaskResult
from agent.bench.scoring.statistics import Paired, paired, wilson
from agent.errors import UsageError
from agent.model.types import Usage


@dataclass(frozen=True)
class RunFigures:
    """The figures of one run.

    `solved` of `tasks` are all its tasks, `interval` Wilson's 95% interval for that share; `common_solved`, `usage` and
    `seconds` are of the tasks that all compared runs have.
    """

    name: str
    model: str
    tasks: int
    solved: int
    interval: tuple[float, float]
    common_solved: int
    usage: Usage
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """Runs compared on their common tasks.

    `differing`: for each task that some runs solved and others did not, whether each run did, in their order. `pairs`
    compares each later run with the first.
    """

    runs: list[RunFigures]
    common: int
    differing: dict[str, list[bool]]
    pairs: list[Paired]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": "comparison",
            "common": self.common,
            "runs": [vars(run) | {"usage": run.usage.model_dump()} for run in self.runs],
            "differing": self.differing,
            "pairs": [
                vars(pair) | {"difference": pair.difference, "interval": pair.interval, "p": pair.p}
                for pair in self.pairs
            ],
        }


def compare(directories: Sequence[RunDirectory]) -> Comparison:
    """Compare runs. Raises `UsageError` when they have no task in common or are of different task files."""
    found = [{result.instance_id: result for result in each.results()} for each in directories]
    digests = {each.identity().digest for each in directories}
    common = sorted(set.intersection(*(set(each) for each in found)))
    if not common:
        raise UsageError("the runs have no task in common" + (": their task files differ" if len(digests) > 1 else ""))
    verdicts = {name: [each[name].solved for each in found] for name in common}
    solved = [{name: row[number] for name, row in verdicts.items()} for number in range(len(found))]
    return Comparison(
        runs=[_figures(each, results, common) for each, results in zip(directories, found, strict=True)],
        common=len(common),
        differing={name: row for name, row in verdicts.items() if len(set(row)) > 1},
        pairs=[paired(solved[0], each) for each in solved[1:]],
    )


def _figures(directory: RunDirectory, results: dict[str, TaskResult], common: list[str]) -> RunFigures:
    shared = [results[name] for name in common]
    solved = sum(each.solved for each in results.values())
    low, high = wilson(solved, len(results))
    return RunFigures(
        name=str(directory.path),
        model=", ".join(dict.fromkeys(each.model for each in results.values() if each.model)),
        tasks=len(results),
        solved=solved,
        interval=(round(low, 4), round(high, 4)),
        common_solved=sum(each.solved for each in shared),
        usage=sum((each.usage for each in shared), Usage()),
        seconds=round(sum(each.seconds for each in shared), 3),
    )
