"""Where the cause may be: functions ranked by the failure's traceback, the tests that fail, and the issue's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.strategy.regions import Region, functions, whole_file

_FRAME = re.compile(
    r'File "(?P<path>[^"\n]+)", line (?P<line>\d+)|^(?P<path2>[\w./-]+\.\w+):(?P<line2>\d+)(?::|$)',
    re.MULTILINE,
)
_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|spec|__tests__)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.\w+$|\.(test|spec)\.\w+$"
)
_CODE_SPAN = re.compile(r"`([^`\n]+)`|```.*?```", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]\w+")
_MAX_WHOLE_FILE_LINES = 200


def is_test(path: str) -> bool:
    """Whether a path looks like that of a test."""
    return bool(_TEST_PATH.search(path))


@dataclass(frozen=True)
class Suspect:
    """A region, and how much speaks for it."""

    region: Region
    score: float


def frames(output: str, root: str) -> list[tuple[str, int]]:
    """The places in the repository that a failure's output names, in order: path from the root, line."""
    found = []
    for match in _FRAME.finditer(output):
        path = match["path"] or match["path2"]
        line = int(match["line"] or match["line2"])
        path = path.removeprefix(root.rstrip("/") + "/").removeprefix("./")
        if not path.startswith("/"):
            found.append((path, line))
    return found


def localise(sources: Mapping[str, str], issue: str, output: str, root: str) -> list[Suspect]:
    """Suspects among `sources` (path → text), most likely first; tests are never suspects.

    `output` is the failing run's, `root` the repository's place in it.
    """
    regions: dict[str, list[Region]] = {}
    for path, text in sources.items():
        if path.endswith(".py"):
            regions[path] = functions(path, text)
        elif not is_test(path) and text.count("\n") <= _MAX_WHOLE_FILE_LINES:
            regions[path] = [whole_file(path, text)]
    named = frames(output, root)
    scores = _by_frames(regions, named)
    tested = _names_in_failing_tests(regions, named, output)
    words = set(_WORD.findall(issue))
    code_words = {word for span in _CODE_SPAN.finditer(issue) for word in _WORD.findall(span[0])}
    for path, group in regions.items():
        if is_test(path):
            continue
        stem = path.rpartition("/")[2].rpartition(".")[0]
        for region in group:
            score = scores.get(region, 0.0)
            names = {part for part in region.name.split(".") if part} or {stem}
            score += sum(3.0 for name in names if name in words) + sum(3.0 for name in names if name in code_words)
            score += sum(4.0 for name in names if name in tested)
            score += 2.0 if stem in words or path in issue else 0.0
            scores[region] = score
    _spread_to_callees(scores)
    ranked = [Suspect(region, score) for region, score in scores.items() if score > 0 and not is_test(region.path)]
    return sorted(ranked, key=lambda suspect: (-suspect.score, suspect.region.path, suspect.region.start))


def _by_frames(regions: Mapping[str, list[Region]], named: list[tuple[str, int]]) -> dict[Region, float]:
    """Points for functions that stand in a traceback; the deepest has the most."""
    scores: dict[Region, float] = {}
    for depth, (path, line) in enumerate(named):
        for region in regions.get(path, []):
            if region.start <= line <= region.end and not is_test(path):
                scores[region] = max(scores.get(region, 0.0), 6.0 + 4.0 * (depth + 1) / len(named))
    return scores


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
