"""Where the cause may be: functions ranked by the issue, by what failed, and by what ran."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agent.code.definitions import Definition
from agent.code.paths import is_test
from agent.code.ranking import rank
from agent.code.regions import Region, functions, whole_file
from agent.code.tracebacks import cause_last, locations_in
from agent.session.events import TestsRan
from agent.strategy.guided.issue.stack_traces import Frame, issue_frames

if TYPE_CHECKING:
    from agent.code.index import CodeIndex

MAX_RANKED = 80
"""Definitions that are looked at."""
MAX_TESTS = 20  # failing tests whose names are looked at
_MAX_WHOLE_FILE_LINES = 200
_MAX_MOVED = 20
"""Lines by which a line that an issue names may have moved since."""
_MAX_SAME_NAME = 3
"""Definitions of a name that a failing test calls; of one with more nobody knows which is meant."""

# Seeds of the ranking, in which the best match by words has 1. Chosen, not fitted; docs/decisions/0015 has what was
# measured with them.
_FAILURE_FRAME = 1.25
"""The deepest function of the repository that a failure went through."""
_ISSUE_FRAME = 1.5
"""The deepest that an issue's traceback names, or a line that it names: reporters say where they have come to."""
_FRAME_ABOVE = 0.6
"""What a function has of the weight of the one that it calls in a traceback."""
_TESTED = 0.5
"""What a failing test calls."""
_MIN_SHARE = 0.05
"""Of the best suspect's score; with less nothing speaks for a function but that it is there."""
_NAMED_FILE = 1.0
"""A file without functions that the issue or the failure names."""


@dataclass(frozen=True)
class Suspect:
    """A region, and how much speaks for it; 1.0 is what the best match by words alone has."""

    region: Region
    score: float


def failure_places(failure: TestsRan, root: str) -> list[tuple[str, int]]:
    """The places a failing run names: those of the tests that failed, else those in its output; path, line."""
    named = [place for each in failure.details for place in each.places]
    return named or list(locations_in(cause_last(failure.output), root))


def failing_test(sources: Mapping[str, str], failure: TestsRan, root: str) -> str:
    """The source of the test function that the first failure names a line of, the deepest one; empty without one."""
    first = next((each.places for each in failure.details if each.places), None)
    for path, line in reversed(first or failure_places(failure, root)):
        if is_test(path) and path in sources:
            for region in functions(path, sources[path]):
                if region.start <= line <= region.end:
                    return region.source
    return ""


def find_suspects(
    index: CodeIndex,
    sources: Mapping[str, str],
    issue: str,
    failure: TestsRan | None,
    root: str,
    executed: Collection[tuple[str, int]] = (),
) -> list[Suspect]:
    """Suspects among `sources` (path → text), most likely first; tests are never suspects.

    `index` is that of the base commit, `root` the repository's place in what the failing run prints, `executed` the
    functions (path, first line) that ran when the problem showed, empty where that is not known.
    """
    text = "\n".join([issue, *(failure.failures[:MAX_TESTS] if failure else ())])
    seeds = find_seeds(index, sources, issue, failure, root)
    regions: dict[str, list[Region]] = {}
    scores: dict[Region, float] = {}
    for each in rank(index, text, seeds, MAX_RANKED, is_test, executed):
        path = each.definition.path
        if each.definition.is_function and path in sources:
            if path not in regions:
                regions[path] = functions(path, sources[path])
            region = _region_of(each.definition, regions[path])
            if region is not None:
                scores[region] = max(scores.get(region, 0.0), each.score)
    scores |= dict.fromkeys(_named_files(sources, issue, failure, root), _NAMED_FILE)
    least = _MIN_SHARE * max(scores.values(), default=0.0)
    found = [Suspect(region, score) for region, score in scores.items() if score > least]
    return sorted(found, key=lambda suspect: (-suspect.score, suspect.region.path, suspect.region.start))


def find_seeds(
    index: CodeIndex, sources: Mapping[str, str], issue: str, failure: TestsRan | None, root: str
) -> dict[tuple[str, int], float]:
    """The places (path, line) that tracebacks and failing tests point to, each with its weight."""
    seeds: dict[tuple[str, int], float] = {}

    def add(place: tuple[str, int], weight: float) -> None:
        seeds[place] = max(seeds.get(place, 0.0), weight)

    for height, frame in enumerate(reversed(issue_frames(issue, index.paths))):
        for definition in _meant(index, frame):
            add((frame.path, definition.start), _ISSUE_FRAME * _FRAME_ABOVE**height)
    if failure is not None:
        places = failure_places(failure, root)
        for height, (path, line) in enumerate(reversed([each for each in places if not is_test(each[0])])):
            around = index.enclosing_function(path, line)
            add((path, around.start if around else line), _FAILURE_FRAME * _FRAME_ABOVE**height)
        for name in _tested_names(sources, failure, places):
            same = [each for each in index.definitions(name) if each.is_function and not is_test(each.path)]
            for definition in same if len(same) <= _MAX_SAME_NAME else ():
                add((definition.path, definition.start), _TESTED)
    return seeds


def _meant(index: CodeIndex, frame: Frame) -> list[Definition]:
    """The function of the index that a frame of an issue means: the nearest of its name, or round the line."""
    name = frame.function.rpartition(".")[2]
    same = [each for each in index.definitions_in(frame.path) if each.is_function and name in {"", each.short_name}]
    same.sort(key=lambda each: _distance(each, frame.line))
    return [each for each in same[:1] if name or _distance(each, frame.line) <= _MAX_MOVED]


def _distance(definition: Definition, line: int) -> int:
    """How many lines a line is outside of a definition."""
    return max(definition.start - line, line - definition.end, 0)


def _tested_names(sources: Mapping[str, str], failure: TestsRan, places: list[tuple[str, int]]) -> set[str]:
    """What the failing tests call."""
    found: set[str] = set()
    for path in filter(is_test, sources):
        for region in functions(path, sources[path]):
            hit = any(where == path and region.start <= line <= region.end for where, line in places)
            named = rf"\b(?:FAIL|ERROR|FAILED)\b.*\b{re.escape(region.short_name)}\b"
            if hit or re.search(named, failure.output):
                found |= region.calls
    return found


def _region_of(definition: Definition, regions: list[Region]) -> Region | None:
    """The region of a definition in the texts as they are now, by its name, of several the nearest; the outer one."""
    names = definition.name.split(".")
    for length in range(len(names), 0, -1):
        same = [each for each in regions if each.name == ".".join(names[:length])]
        if same:
            return min(same, key=lambda each: abs(each.start - definition.start))
    return None


def _named_files(sources: Mapping[str, str], issue: str, failure: TestsRan | None, root: str) -> Iterator[Region]:
    """The short files in other languages than Python that have no functions, and that issue or failure name."""
    named = {path for path, _ in failure_places(failure, root)} if failure else set()
    for path, text in sources.items():
        if path.endswith(".py") or is_test(path) or text.count("\n") > _MAX_WHOLE_FILE_LINES:
            continue
        if (path in named or PurePosixPath(path).name in issue) and not functions(path, text):
            yield whole_file(path, text)
