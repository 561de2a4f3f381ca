"""Several runs side by side, on the tasks that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.bench.directory import RunDirectory
from agent.bench.record import Record
from agent.bench.scoring.statistics import Paired, paired, wilson
from agent.errors import UsageError
from agent.model.types import Usage


@dataclass(frozen=True)
class Side:
    """One run: what it solved of all its tasks, with Wilson's interval; tokens and seconds on the common tasks."""

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
    """Runs by their common tasks: `differing` tells for each task not solved by all or none who solved it.

    `pairs` holds the later runs, each against the first.
    """

    runs: list[Side]
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
    found = [{record.instance_id: record for record in each.records()} for each in directories]
    digests = {each.identity().digest for each in directories}
    common = sorted(set.intersection(*(set(each) for each in found)))
    if not common:
        raise UsageError("the runs have no task in common" + (": their task files differ" if len(digests) > 1 else ""))
    verdicts = {name: [each[name].solved for each in found] for name in common}
    solved = [{name: row[number] for name, row in verdicts.items()} for number in range(len(found))]
    return Comparison(
        runs=[_side(each, records, common) for each, records in zip(directories, found, strict=True)],
        common=len(common),
        differing={name: row for name, row in verdicts.items() if len(set(row)) > 1},
        pairs=[paired(solved[0], each) for each in solved[1:]],
    )


def _side(directory: RunDirectory, records: dict[str, Record], common: list[str]) -> Side:
    shared = [records[name] for name in common]
    solved = sum(each.solved for each in records.values())
    low, high = wilson(solved, len(records))
    return Side(
        name=str(directory.place),
        model=", ".join(dict.fromkeys(each.model for each in records.values() if each.model)),
        tasks=len(records),
        solved=solved,
        interval=(round(low, 4), round(high, 4)),
        common_solved=sum(each.solved for each in shared),
        usage=sum((each.usage for each in shared), Usage()),
        seconds=round(sum(each.seconds for each in shared), 3),
    )
