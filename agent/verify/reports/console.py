"""Reading a runner's plain output: the counts of its summary, and the tests that it names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from agent.verify.reports.cases import MAX_CASES, Case, Status, merged

_PYTEST_SUMMARY = re.compile(r"^(?:=+ )?(\d+ [a-z]+(?: [a-z]+)?(?:, \d+ [a-z]+(?: [a-z]+)?)*) in [\d.]+s", re.MULTILINE)
_PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_PYTEST_FAILED = re.compile(
    r"^(?:FAILED|ERROR|SUBFAILED.*?(?= \S+::)) ((?:(?! - )[^\n]){1,500}?)(?: - .*)?$", re.MULTILINE
)
_PYTEST_LINE = re.compile(r"^(\S+::[^\n]{1,500}?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
_UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
_UNITTEST_COUNTS = re.compile(r"^FAILED \((.*)\)", re.MULTILINE)
_UNITTEST_FAILED = re.compile(r"^(FAIL|ERROR): ([^\n]+)", re.MULTILINE)
_UNITTEST_NAME = re.compile(r"^([\w.]+) \(([\w.]+)\)")
_UNITTEST_LINE = re.compile(r" \.\.\. (ok|FAIL|ERROR|skipped\b.*|expected failure|unexpected success)$")
_GO_LINE = re.compile(r"^\s*--- (FAIL|PASS|SKIP): (\S+)", re.MULTILINE)
_CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)
_CARGO_LINE = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
_CARGO_LISTED = re.compile(r"^failures:\n((?:    \S+\n)+)", re.MULTILINE)
_JEST = re.compile(r"^Tests:\s+([^\n]*\b(\d+) total)", re.MULTILINE)
_VITEST = re.compile(r"^\s*Tests\s{1,4}([^\n]*\((\d+)\))", re.MULTILINE)
_MOCHA = re.compile(r"^\s{2,}(\d+) (passing|failing)\b", re.MULTILINE)
_NODE = re.compile(r"^(?:#|ℹ) (pass|fail) (\d+)$", re.MULTILINE)
_MAVEN = re.compile(r"Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)\s*$", re.MULTILINE)
_GRADLE = re.compile(r"^(\d+) tests? completed(?:, (\d+) failed)?(?:, (\d+) skipped)?", re.MULTILINE)
_RSPEC = re.compile(r"^(\d+) examples?, (\d+) failures?", re.MULTILINE)
_PHPUNIT = re.compile(r"^(?:OK \((\d+) tests?,|Tests: (\d+), Assertions: \d+(.*)$)", re.MULTILINE)

_NAME_BY_HEADER: dict[str, re.Pattern[str]] = {
    "jest": re.compile(r"^  ● (?!Console)([^\n]{1,500})$", re.MULTILINE),
    "vitest": re.compile(r"^ *FAIL {1,2}([^\n]{1,500} > [^\n]{1,500})$", re.MULTILINE),
    "node": re.compile(r"^(?:not ok \d+ - |✖ )([^\n]{1,500}?)(?: \([\d.]+ms\))?$", re.MULTILINE),
    "maven": re.compile(r"^\[ERROR\] (?:\s+)?([\w.$]+\.[\w$]+)(?::\d+| --)[^\n]*$", re.MULTILINE),
    "gradle": re.compile(r"^(\w[\w.$]* > [^\n]{1,300}) FAILED$", re.MULTILINE),
    "rspec": re.compile(r"^rspec \./\S+ # ([^\n]{1,500})$", re.MULTILINE),
    "phpunit": re.compile(r"^\d+\) ([\w\\]+::\w+[^\n]{0,200})$", re.MULTILINE),
}


@dataclass(frozen=True)
class ConsoleReport:
    """Counts are None where the output has none. `cases` are the tests that are named, all that ran if `complete`."""

    tests: int | None = None
    failed: int | None = None
    failures: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    complete: bool = False
    runs: int = 1  # summaries in the output: of several runs, one after another


def failing_id(names: Iterable[str]) -> str:
    """An identifier of a set of failing tests: 16 hexadecimal digits, empty for no tests."""
    every = "\n".join(sorted(set(names)))
    return hashlib.sha256(every.encode("utf-8", "replace")).hexdigest()[:16] if every else ""


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _report(tests: int | None, failed: int | None, cases: list[Case], runs: int = 1) -> ConsoleReport:
    every = merged(cases[:MAX_CASES])
    failures = tuple(case.id for case in every if case.failed)
    ran = sum(case.status != "skipped" for case in every)
    complete = runs == 1 and bool(tests) and ran == tests and len(failures) == (failed or 0)
    return ConsoleReport(tests, failed, failures, every, complete, runs)


def read_console(output: str) -> ConsoleReport:
    """What a runner's output reports; an empty report for output that no known runner wrote."""
    for reader in _READERS:
        report = reader(output)
        if report is not None:
            return report
    return ConsoleReport()


def _pytest(output: str) -> ConsoleReport | None:
    summaries = _PYTEST_SUMMARY.findall(output)
    if not summaries:
        return None
    counts = {kind: int(number) for number, kind in _PYTEST_COUNT.findall(summaries[-1])}
    if not counts and not re.search(r"deselected|warning", summaries[-1]):
        return None
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    run = failed + counts.get("passed", 0) + counts.get("xfailed", 0) + counts.get("xpassed", 0)
    statuses: dict[str, Status] = {"PASSED": "passed", "XPASS": "passed", "FAILED": "failed", "ERROR": "error"}
    cases = [Case(name, statuses.get(word, "skipped")) for name, word in _PYTEST_LINE.findall(output)]
    failures = [name for name in _PYTEST_FAILED.findall(output) if _is_node(name)]
    return _report(run, failed, [*cases, *(Case(name, "failed") for name in failures)], len(summaries))


def _is_node(name: str) -> bool:
    """Whether it is a test or file of pytest's, no line of a log."""
    return "::" in name or bool(re.fullmatch(r"\S+\.py|\S+/\S*", name))


def unittest_id(written: str) -> str:
    """`test_a (m.T.test_a)`, or before Python 3.11 `test_a (m.T)`, as the command line takes it back."""
    match = _UNITTEST_NAME.match(written)
    if match is None:
        return written
    name, where = match[1], match[2].removeprefix("unittest.loader._FailedTest").lstrip(".")
    if name in {"setUpClass", "tearDownClass", "setUpModule", "tearDownModule"} or where.endswith(f".{name}"):
        return where
    return f"{where}.{name}" if where and where != name else name


def _unittest(output: str) -> ConsoleReport | None:
    ran = _UNITTEST_RAN.findall(output)
    if not ran:
        return None
    counted = _UNITTEST_COUNTS.findall(output)
    counts = dict(re.findall(r"(?:^|, )([\w ]+)=(\d+)", counted[-1])) if counted else {}
    failed = sum(int(counts.get(kind, 0)) for kind in ("failures", "errors"))
    cases: list[Case] = []
    name = ""
    for line in output.splitlines():
        begun = _UNITTEST_NAME.match(line)
        name = begun[0] if begun else name
        ended = _UNITTEST_LINE.search(line)
        if ended and name:
            status: Status = "passed" if ended[1] == "ok" else "failed" if ended[1] in {"FAIL", "ERROR"} else "skipped"
            cases.append(Case(unittest_id(name), status))
            name = ""
    complete = len(ran) == 1 and len({case.id for case in cases}) >= int(ran[-1]) > 0
    for word, written in _UNITTEST_FAILED.findall(output):
        cases.append(Case(unittest_id(written), "failed" if word == "FAIL" else "error"))
    # a test with several parts that fail is one of the tests, and several of the failures
    return replace(_report(int(ran[-1]), failed, cases, len(ran)), complete=complete)


def _cargo(output: str) -> ConsoleReport | None:
    found = _CARGO.findall(output)
    if not found:
        return None
    passed, failed = (sum(int(each[i]) for each in found) for i in (0, 1))
    statuses: dict[str, Status] = {"ok": "passed", "FAILED": "failed"}
    cases = [Case(name, statuses.get(word, "skipped")) for name, word in _CARGO_LINE.findall(output)]
    cases += [Case(name, "failed") for listed in _CARGO_LISTED.findall(output) for name in listed.split()]
    return _report(passed + failed, failed, cases)


def _counted(
    name: str, summary: re.Pattern[str], counts: Callable[[re.Match[str], str], tuple[int | None, int | None]]
) -> Callable[[str], ConsoleReport | None]:
    """A reader for a runner with a line of counts, whose failures stand under headers with their names."""

    def read(output: str) -> ConsoleReport | None:
        matches = list(summary.finditer(output))
        if not matches:
            return None
        tests, failed = counts(matches[-1], output)
        header = _NAME_BY_HEADER.get(name)
        names = _unique([each.strip() for each in header.findall(output)]) if header else ()
        return ConsoleReport(tests, failed, names, tuple(Case(each, "failed") for each in names), False, len(matches))

    return read


def _counts_by_word(match: re.Match[str], _: str) -> tuple[int | None, int | None]:
    """`1 failed, 2 passed, 3 total`."""
    words = {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed)", match[1])}
    return words.get("failed", 0) + words.get("passed", 0), words.get("failed", 0)


def _phpunit_counts(match: re.Match[str], _: str) -> tuple[int | None, int | None]:
    if match[1]:
        return int(match[1]), 0
    bad = sum(int(number) for number in re.findall(r"(?:Failures|Errors): (\d+)", match[3]))
    return int(match[2]), bad


def _mocha(output: str) -> ConsoleReport | None:
    counts = {word: int(number) for number, word in _MOCHA.findall(output)}
    if not counts:
        return None
    names = []
    # `  1) Calc` / `       adds:`: the name goes on, deeper, up to a colon
    for match in re.finditer(r"^  \d+\) ([^\n]+)\n((?: {7,}[^\n]+\n){0,8})", output, re.MULTILINE):
        parts = [match[1], *(line.strip() for line in match[2].splitlines())]
        end = next((at for at, part in enumerate(parts) if part.endswith(":")), None)
        if end is not None:
            names.append(" ".join(parts[: end + 1]).removesuffix(":"))
    failed = counts.get("failing", 0)
    cases = tuple(Case(name, "failed") for name in _unique(names))
    return ConsoleReport(failed + counts.get("passing", 0), failed, _unique(names), cases)


def _node(output: str) -> ConsoleReport | None:
    counts = {word: int(number) for word, number in _NODE.findall(output)}
    if not counts:
        return None
    names = _unique([name.strip() for name in _NAME_BY_HEADER["node"].findall(output)])
    names = tuple(name for name in names if name != "failing tests:")
    failed = counts.get("fail", 0)
    return ConsoleReport(failed + counts.get("pass", 0), failed, names, tuple(Case(name, "failed") for name in names))


def _go(output: str) -> ConsoleReport | None:
    statuses: dict[str, Status] = {"FAIL": "failed", "PASS": "passed"}
    cases = [Case(name, statuses.get(word, "skipped")) for word, name in _GO_LINE.findall(output)]
    failures = _unique([case.id for case in cases if case.failed])
    return ConsoleReport(None, len(failures) or None, failures, merged(cases))


_READERS: tuple[Callable[[str], ConsoleReport | None], ...] = (
    _pytest,
    _unittest,
    _cargo,
    _counted("jest", _JEST, _counts_by_word),
    _counted("vitest", _VITEST, _counts_by_word),
    _mocha,
    _node,
    _counted("maven", _MAVEN, lambda match, _: (int(match[1]) - int(match[4]), int(match[2]) + int(match[3]))),
    _counted("gradle", _GRADLE, lambda match, _: (int(match[1]) - int(match[3] or 0), int(match[2] or 0))),
    _counted("rspec", _RSPEC, lambda match, _: (int(match[1]), int(match[2]))),
    _counted("phpunit", _PHPUNIT, _phpunit_counts),
    _go,
)
