"""What a test run said of each test, and the places in the repository that its failures name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Status = Literal["passed", "failed", "error", "skipped"]
Places = tuple[tuple[str, int], ...]

MAX_CASES = 100_000
MAX_TEXT = 8000
MAX_MESSAGE = 2000
_MAX_PLACES = 30
_WORST: dict[Status, int] = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


@dataclass(frozen=True)
class Case:
    """One test. `id` is its name as the runner takes it back; `text` is the traceback, `seconds` None if not told."""

    id: str
    status: Status
    message: str = ""
    text: str = ""
    places: Places = ()
    seconds: float | None = None

    @property
    def bad(self) -> bool:
        """Whether it failed, in itself or on the way to it."""
        return self.status in {"failed", "error"}


@dataclass(frozen=True)
class TestReport:
    """The tests of one run. `complete`: every test that ran is among the cases, by the runner's own count.

    It is written by what is tested, so it never says that a run passed: only the exit code does.
    """

    __test__ = False
    cases: tuple[Case, ...] = ()
    complete: bool = False

    @cached_property
    def failing(self) -> tuple[str, ...]:
        """The tests that failed, in order."""
        return tuple(case.id for case in self.cases if case.bad)

    @cached_property
    def passing(self) -> frozenset[str]:
        """The tests that ran and passed; a skipped one did not."""
        return frozenset(case.id for case in self.cases if case.status == "passed")

    @property
    def run(self) -> int:
        """How many ran."""
        return sum(case.status != "skipped" for case in self.cases)


def joined(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Cases with each id once: of several with one id, the worst, as of a test whose teardown failed too."""
    found: dict[str, Case] = {}
    for case in cases:
        known = found.get(case.id)
        if known is None:
            found[case.id] = case
        elif _WORST[case.status] > _WORST[known.status]:
            found[case.id] = replace(case, text=case.text or known.text, message=case.message or known.message)
    return tuple(found.values())


_PLACE = re.compile(
    r'File "(?P<python>[^"\n]{1,400})", line (?P<line>\d{1,7})'
    r"|\bat (?P<class>(?:[\w$]+\.)+[\w$<>]+)\((?P<java>\w+\.(?:java|kt|groovy|scala)):(?P<line2>\d{1,7})\)"
    r"|(?<![\w./@+-])(?P<path>(?:/|\.{1,2}/)?[\w@+-][\w@+.-]*(?:/[\w@+.-]+)*\.[A-Za-z]\w{0,4}):(?P<line3>\d{1,7})(?!\w)"
)
_FOREIGN = re.compile(r"(^|/)(node_modules|site-packages|dist-packages|\.venv|venv|vendor|\.tox|\.nox)/|^\.\./|^/")
_MAX_LINE = 500


def places_in(text: str, root: str, under: str = "") -> Places:
    """The places in the repository that a failure's text names, in order: path from the root, line.

    `root` is the repository's absolute place, `under` the folder from it that bare file names are relative to.
    """
    found: list[tuple[str, int]] = []
    prefix = root.rstrip("/") + "/"
    for line in text.splitlines():
        for match in _PLACE.finditer(line[:_MAX_LINE].replace("file://", "")):
            if match["java"]:
                path = _java_path(match["class"], match["java"])
            else:
                path = (match["python"] or match["path"]).removeprefix(prefix).removeprefix("./")
                if under and "/" not in path:
                    path = f"{under}/{path}"
            place = (path, int(match["line"] or match["line2"] or match["line3"]))
            if path and not _FOREIGN.search(path) and not path.startswith("<") and found[-1:] != [place]:
                found.append(place)
    # the ends of a deep recursion tell most
    half = _MAX_PLACES // 2
    return tuple(found if len(found) <= _MAX_PLACES else found[:half] + found[-half:])


def _java_path(qualified: str, file: str) -> str:
    """Where a class lies by the layout that Maven and Gradle share; empty for the platform's own."""
    parts = qualified.split(".")
    if parts[0] in {"java", "javax", "jdk", "sun", "kotlin", "groovy"} or ".junit." in qualified:
        return ""
    language = {"java": "java", "kt": "kotlin"}.get(file.rpartition(".")[2], file.rpartition(".")[2])
    kind = "test" if re.search(r"(Tests?|IT|Spec)\.\w+$", file) else "main"
    return "/".join(["src", kind, language, *parts[:-2], file])


def bounded(text: str, limit: int) -> str:
    """A text's first and last part within `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"
