"""Where the cause may be: functions ranked by the failure's traceback, the tests that fail, and the issue's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.code.paths import is_test
from agent.code.regions import Region, functions, whole_file
from agent.code.tracebacks import cause_last, locations_in
from agent.session.events import TestsRan
from agent.strategy.guided.issue.expected_values import MOST_LETTERS
from agent.strategy.guided.issue.stack_traces import Frame, told_frames
from agent.strategy.guided.localise.named import Named

_MAX_WHOLE_FILE_LINES = 200
_INDEX_POINTS = 8.0
_RAN = 4.0
_DID_NOT_RUN = 0.3
_TEXT = re.compile(r"""(?P<quote>["'])(?P<text>[^"'\n\\]{12,400})(?P=quote)""")
_INSERTED = re.compile(r"\{[^{}]*\}|%[-\w.()]*[a-z]|\$\{?\w+\}?")
_MESSAGE, _MOST_FOR_MESSAGE = 4.0, 10.0
_LONG_MESSAGE = 12  # letters
_MOST_APART = 20
"""Lines by which a line that an issue names may have moved since."""


@dataclass(frozen=True)
class Suspect:
    """A region, and how much speaks for it."""

    region: Region
    score: float


def frames(output: str, root: str) -> list[tuple[str, int]]:
    """The places in the repository that a failure's output names, in order: path from the root, line.

    Those of an error that others were raised from come last, since it is the cause.
    """
    return list(locations_in(cause_last(output), root))


def places(failure: TestsRan, root: str) -> list[tuple[str, int]]:
    """The places a failing run names: those of the tests that failed, else those in its output; path, line."""
    told = [place for each in failure.details for place in each.places]
    return told or frames(failure.output, root)


def failing_test(sources: Mapping[str, str], failure: TestsRan, root: str) -> str:
    """The source of the test function that the failure names a line of, the deepest one; empty where there is none."""
    for path, line in reversed(_first_failure(failure, root)):
        if is_test(path) and path in sources:
            for region in functions(path, sources[path]):
                if region.start <= line <= region.end:
                    return region.source
    return ""


def _first_failure(failure: TestsRan, root: str) -> list[tuple[str, int]]:
    """The places of the first failure that has any."""
    return next((each.places for each in failure.details if each.places), None) or frames(failure.output, root)


def localise(
    sources: Mapping[str, str],
    issue: str,
    failure: TestsRan | None,
    root: str,
    ranked: Mapping[tuple[str, int], float] | None = None,
    executed: Collection[tuple[str, int]] = (),
) -> list[Suspect]:
    """Suspects among `sources` (path → text), most likely first; tests are never suspects.

    `root` is the repository's place in what the failing run says; `ranked` how well places (path, line) match the
    issue, by the index, 1.0 for the best; `executed` the functions (path, first line) that ran, where that is known.
    """
    output = failure.output if failure else ""
    regions: dict[str, list[Region]] = {}
    for path, text in sources.items():
        regions[path] = functions(path, text)
        if not regions[path] and not is_test(path) and text.count("\n") <= _MAX_WHOLE_FILE_LINES:
            regions[path] = [] if path.endswith(".py") else [whole_file(path, text)]
    went = places(failure, root) if failure else []
    scores = _by_frames(regions, went)
    _by_told_frames(regions, told_frames(issue, regions), scores)
    tested = _names_in_failing_tests(regions, went, output)
    named = Named(issue)
    for path, group in regions.items():
        if is_test(path):
            continue
        where = named.path(path)
        for region in group:
            names = {part for part in region.name.split(".") if part} or {PurePosixPath(path).stem}
            called = sum(4.0 for name in names if name in tested)
            scores[region] = scores.get(region, 0.0) + called + where + sum(map(named.name, names))
    _by_messages(scores, issue)
    _by_index(regions, ranked or {}, scores)
    _spread_to_callees(scores)
    _by_execution(scores, frozenset(executed))
    found = [Suspect(region, score) for region, score in scores.items() if score > 0 and not is_test(region.path)]
    return sorted(found, key=lambda suspect: (-suspect.score, suspect.region.path, suspect.region.start))


def _by_frames(regions: Mapping[str, list[Region]], named: list[tuple[str, int]]) -> dict[Region, float]:
    """Points for functions that stand in a traceback; the deepest has the most."""
    scores: dict[Region, float] = {}
    for depth, (path, line) in enumerate(named):
        for region in regions.get(path, []):
            if region.start <= line <= region.end and not is_test(path):
                scores[region] = max(scores.get(region, 0.0), 6.0 + 4.0 * (depth + 1) / len(named))
    return scores


def _by_told_frames(regions: Mapping[str, list[Region]], told: list[Frame], scores: dict[Region, float]) -> None:
    """Points for the functions in the issue's tracebacks, the deepest far ahead."""
    for height, frame in enumerate(reversed(told)):
        name = frame.function.rpartition(".")[2]
        points = 4.0 + 8.0 * 0.6**height
        same = [each for each in regions[frame.path] if name in {"", each.short_name} and not is_test(frame.path)]
        same.sort(key=lambda each: _apart(each, frame.line))
        for region in same[:1] if name else same:
            if name or _apart(region, frame.line) <= _MOST_APART:
                scores[region] = max(scores.get(region, 0.0), points if region is same[0] else 0.6 * points)


def _by_messages(scores: dict[Region, float], issue: str) -> None:
    """Points for functions in which a message stands that the issue shows, more for a long one."""
    told = " ".join(issue[:MOST_LETTERS].split())
    for region in scores:
        parts = (part for text in _TEXT.finditer(region.source) for part in _INSERTED.split(text["text"]))
        said = [len(part) for part in parts if len(part) >= _LONG_MESSAGE and " " in part.strip() and part in told]
        scores[region] += min(_MESSAGE + max(said) / 10, _MOST_FOR_MESSAGE) if said else 0.0


def _apart(region: Region, line: int) -> int:
    """How many lines a line is outside of a region."""
    return max(region.start - line, line - region.end, 0)


def _by_index(
    regions: Mapping[str, list[Region]], ranked: Mapping[tuple[str, int], float], scores: dict[Region, float]
) -> None:
    """Points for what the index takes the issue to be about."""
    for (path, line), score in ranked.items():
        for region in regions.get(path, []):
            if region in scores and region.name and region.start <= line <= region.end:
                scores[region] += _INDEX_POINTS * score


def _by_execution(scores: dict[Region, float], executed: frozenset[tuple[str, int]]) -> None:
    """Points for functions that ran; those that did not lose most of theirs, since they can't be what went wrong."""
    lines: dict[str, list[int]] = {}
    for path, line in executed:
        lines.setdefault(path, []).append(line)
    for region in scores if executed else ():
        ran = any(region.start <= line <= region.end for line in lines.get(region.path, ()))
        scores[region] = scores[region] + _RAN if ran else scores[region] * _DID_NOT_RUN


def _names_in_failing_tests(regions: Mapping[str, list[Region]], named: list[tuple[str, int]], output: str) -> set[str]:
    """What the failing tests call."""
    found: set[str] = set()
    for path, group in regions.items():
        if not is_test(path):
            continue
        for region in group:
            hit = any(where == path and region.start <= line <= region.end for where, line in named)
            if hit or re.search(rf"\b(?:FAIL|ERROR|FAILED)\b.*\b{re.escape(region.short_name)}\b", output):
                found |= region.calls
    return found


def _spread_to_callees(scores: dict[Region, float]) -> None:
    """Some of a function's points go to what it calls: the cause is often one call further down."""
    by_name: dict[str, list[Region]] = {}
    for region in scores:
        by_name.setdefault(region.short_name, []).append(region)
    extra: dict[Region, float] = {}
    for region, score in scores.items():
        for name in region.calls:
            for callee in by_name.get(name, []) if score > 0 else []:
                if callee is not region and not is_test(callee.path):
                    extra[callee] = max(extra.get(callee, 0.0), 0.4 * score)
    for region, points in extra.items():
        scores[region] += points
