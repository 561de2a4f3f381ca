"""Running the test command in the sandbox: the event and the report of each run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

from agent.code.tracebacks import locations_in
from agent.session.events import TestFailure, TestOutcome, TestsRan
from agent.text import printable, truncate
from agent.verify.console_sections import with_sections
from agent.verify.failure_digest import digest
from agent.verify.reports.cases import Case, TestReport, bounded, merged
from agent.verify.reports.console import ConsoleReport, failing_id
from agent.verify.runners.base import ReportRequest, RunnerInfo
from agent.verify.runners.commands import last_step
from agent.verify.runners.registry import identify_runner, read_console, report_refused, report_requests
from agent.verify.signing.check import MAX_SIGNATURE_BYTES, SIGNATURE, is_signed, prepare_folder
from sandbox.protocol import ExecResult, Output, Sandbox
from tools.run_tests import TestResult

_MAX_OUTPUT_BYTES = 512 << 10
_MAX_REPORT_BYTES = 24 << 20  # also of output that is a report
_RECORD_TOKENS = 4000
_MAX_FAILURES = 1000
_MAX_DETAILS = 20
_DETAIL_CHARACTERS = 3000
_MAX_SOURCES = 12
_MAX_SOURCE_BYTES = 400_000
_GRACE_SECONDS = 5.0  # between the signal that makes Python print its stack and the end
_PYTHON = re.compile(r"(?:^|[\s/])python[\d.]*\s")
_ABORTED = re.compile(r"Fatal Python error: Aborted\n")

Phase = Literal["before", "candidate", "after", "reproduction"]


@dataclass(frozen=True)
class _Execution:
    """A run: `text` is the output without what a report added, `console` what that text says of the tests."""

    result: ExecResult
    text: str
    console: ConsoleReport
    report: TestReport


class TestRunner:
    """Runs one test command in one sandbox."""

    __test__ = False

    def __init__(self, sandbox: Sandbox, command: str, *, timeout: float) -> None:
        self._sandbox = sandbox
        self.command = command
        self._timeout = timeout
        self._manifests: dict[str, str] = {}
        self._refused_requests = 0  # of those of `report_requests`: the first ones

    async def execute(self, target: str | None = None, timeout: float | None = None) -> TestResult:
        """Run the command, on one target if given; the result has a digest of its failures where it names any."""
        command = f"{self.command} {shlex.quote(target)}" if target else self.command
        execution = await self._run(command, timeout)
        ran = self._event("candidate", command, "", execution)
        result = execution.result
        saved = await self._save(execution.text) if ran.details else ""
        sources = await self.sources(ran) if ran.details else {}
        given = {field.name: getattr(result, field.name) for field in fields(result)}
        given |= {"saved": saved, "output": Output(execution.text.encode("utf-8", "replace"))}
        summary: Callable[[int], str] | None = (lambda tokens: digest(ran, tokens, sources.get)) if saved else None
        return TestResult(**given, digest=summary, failing=failing_id(ran.failures))

    async def run(self, phase: Phase, *, command: str = "", about: str = "", limit: float | None = None) -> TestsRan:
        """The event of a run of `command`, or of all tests; `about` says to the user what is checked.

        `limit` is in seconds; the setting is the upper bound. Raises `SandboxLost`.
        """
        ran, _ = await self.run_in_full(phase, command=command, about=about, limit=limit)
        return ran

    async def run_in_full(
        self, phase: Phase, *, command: str = "", about: str = "", limit: float | None = None
    ) -> tuple[TestsRan, TestReport]:
        """As `run`, with the report of each test. Raises `SandboxLost`."""
        command = command or self.command
        execution = await self._run(command, limit)
        return self._event(phase, command, about, execution), execution.report

    def limit_after(self, baseline: TestsRan | None) -> float:
        """The limit in seconds for a run of the same tests after `baseline`, so that an endless loop costs little."""
        if baseline is None or baseline.ended != "exited":
            return self._timeout
        return min(max(20.0, 5 * baseline.seconds + 10), self._timeout)

    async def sources(self, ran: TestsRan) -> dict[str, str]:
        """The text of the files that the failures of a run name, by path; at most 12 files. For `digest`."""
        paths = dict.fromkeys(path for detail in ran.details for path, _ in reversed(detail.places))
        found = {}
        for path in list(paths)[:_MAX_SOURCES]:
            data = await self._read(str(self._sandbox.workspace.repo / path), _MAX_SOURCE_BYTES)
            if data:
                found[path] = data.decode("utf-8", "replace")
        return found

    async def _run(self, command: str, limit: float | None) -> _Execution:
        seconds = min(limit or self._timeout, self._timeout)
        info = identify_runner(command, await self.manifest("package.json"))
        folder = str(self._sandbox.workspace.private / "report")
        requests = report_requests(command, info, folder)
        for request in requests[min(self._refused_requests, len(requests) - 1) :]:
            key = await prepare_folder(self._sandbox, folder, request.program)
            result = await self._exec(request.command, info, seconds)
            data = await self._report_of(request, folder)
            ended_well = request is requests[-1] or result.ok or result.ended != "exited" or data
            if ended_well or not report_refused(printable(result.output.text())):
                break
            self._refused_requests += 1
        text = result.output.text()
        cases: tuple[Case, ...] | None = None
        root = str(self._sandbox.workspace.repo)
        runner, has_request = info.runner, request.command != command
        if runner.output_report and has_request:
            cases, text = runner.output_report.read(text, root, await self.manifest(runner.output_report.manifest))
        elif runner.read_report and data:
            cases = runner.read_report(data, root)
        text = printable(text)
        console = read_console(text)
        if runner.verbose_lines and has_request:
            text = runner.verbose_lines.sub("", text)
        report = _report(cases, console, info, result)
        signed: bool | None = None
        if request.program:
            signature = await self._read(f"{folder}/{SIGNATURE}", MAX_SIGNATURE_BYTES)
            signed = is_signed(signature, key, data, passed=result.ok)
            if not signed and (console.runs > 1 or (runner.may_not_sign and not data)):
                signed = None
        report = replace(report, cases=with_sections(report.cases, text, root), signed=signed)
        return _Execution(result, text, console, report)

    async def _exec(self, command: str, info: RunnerInfo, seconds: float) -> ExecResult:
        """Run in a shell of its own: the tests' `cd` and `export` must not reach the model's.

        Python that does not end is aborted a little before it is killed, so that it prints its stack.
        """
        capture = _MAX_REPORT_BYTES if info.runner.output_report else _MAX_OUTPUT_BYTES
        if not (info.runner.is_python or _PYTHON.search(last_step(command))) or seconds < 2:
            return await self._sandbox.exec(command, timeout=seconds, capture=capture)
        script = (
            "export PYTHONFAULTHANDLER=1\n"
            f"if timeout -s ABRT -k 1 1 true 2>/dev/null; then set -- timeout -s ABRT -k 3 {seconds:.3f}; fi\n"
            f'"$@" bash -c {shlex.quote(command)}'
        )
        result = await self._sandbox.exec(script, timeout=seconds + _GRACE_SECONDS, capture=capture)
        if result.ended == "exited" and result.exit_code in {124, 134, 137} and result.seconds >= seconds:
            return replace(result, ended="timeout")
        return result

    async def _report_of(self, request: ReportRequest, folder: str) -> bytes:
        if request.file:
            return await self._read(request.file, _MAX_REPORT_BYTES)
        if not request.pattern:
            return b""
        find = (
            f"find . -type f -path {shlex.quote(request.pattern)} -newer {shlex.quote(folder)}/began -print0 | "
            "head -z -n 5000 | xargs -0 -r cat"
        )
        found = await self._sandbox.exec(find, timeout=60, capture=_MAX_REPORT_BYTES)
        return found.output.head if found.ok and not found.output.dropped else b""

    async def _read(self, path: str, limit: int) -> bytes:
        """A file of the sandbox; empty where it is absent, too large, or no plain file."""
        name = shlex.quote(path)
        read = f"[ -f {name} ] && [ ! -L {name} ] && exec head -c {limit + 1} -- {name}"
        found = await self._sandbox.exec(read, timeout=60, capture=2 * limit + 2)
        return found.output.head if found.ok and found.output.total <= limit else b""

    async def manifest(self, name: str) -> str:
        """The text of a file at the repository's root, read once; empty where it is absent."""
        if name not in self._manifests:
            data = await self._read(str(self._sandbox.workspace.repo / name), 1 << 20)
            self._manifests[name] = data.decode("utf-8", "replace")
        return self._manifests[name]

    async def _save(self, text: str) -> str:
        """Write the output to a file outside the repository; its path, empty where that failed."""
        path = f"{self._sandbox.workspace.outputs}/tests.log"
        quoted = shlex.quote(path)
        data = text.encode("utf-8", "replace")
        result = await self._sandbox.exec(f"mkdir -p $(dirname {quoted}) && cat >{quoted}", stdin=data, timeout=60)
        return path if result.ok else ""

    def _event(self, phase: Phase, command: str, about: str, execution: _Execution) -> TestsRan:
        result, console, report = execution.result, execution.console, execution.report
        failures = list(report.failing) or list(console.failures)
        tests, failed = console.tests, console.failed
        if tests is None and report.complete:
            tests, failed = report.run, len(report.failing)
        return TestsRan(
            phase=phase,
            command=command,
            about=about,
            exit_code=result.exit_code,
            passed=result.ok,
            ended=result.ended,
            seconds=round(result.seconds, 3),
            output=truncate(execution.text, _RECORD_TOKENS),
            failures=failures[:_MAX_FAILURES],
            tests=tests,
            failed=failed,
            details=_details(report.cases) if result.ended == "exited" else self._stopped_at(execution.text),
        )

    def _stopped_at(self, text: str) -> list[TestFailure]:
        """Where Python was when it was stopped; the deepest location last, as everywhere."""
        aborted = _ABORTED.search(text)
        trace = text[aborted.start() :][:_DETAIL_CHARACTERS] if aborted else ""
        locations = list(reversed(locations_in(trace, str(self._sandbox.workspace.repo))))
        return [TestFailure(name="", message="did not end", text=trace, places=locations)] if locations else []


def _report(cases: tuple[Case, ...] | None, console: ConsoleReport, info: RunnerInfo, result: ExecResult) -> TestReport:
    """The report of a run: the runner's own where it agrees with the printed counts, else the printed one."""
    if result.ended != "exited" or cases is None:
        return TestReport(console.cases, console.complete and result.ended == "exited")
    if info.runner.overwrites_report:
        cases = _as_printed(cases, console.failures)
        named = {case.id for case in cases if case.failed}
        missing = [case for case in console.cases if case.failed and case.id not in named]
        complete = console.runs == 1 and console.tests is not None and not missing
        return TestReport(merged([*cases, *missing]), complete and bool(console.failed) == bool(named))
    complete = bool(cases) and result.ok == (not any(case.failed for case in cases))
    return TestReport(cases, complete)


def _as_printed(cases: tuple[Case, ...], printed: Iterable[str]) -> tuple[Case, ...]:
    """Cases whose paths begin where the command ran, as the printed names do, and not at pytest's own root."""
    ids = {case.id for case in cases}
    for name in printed:
        if name in ids:
            return cases
        same = next((case.id for case in cases if case.failed and name.endswith(f"/{case.id}")), "")
        if same:
            prefix = name.removesuffix(same)
            return tuple(replace(case, id=prefix + case.id) for case in cases)
    return cases


def _details(cases: Iterable[Case]) -> list[TestFailure]:
    failing = [case for case in cases if case.failed][:_MAX_DETAILS]
    return [
        TestFailure(
            name=case.id[:500],
            message=bounded(case.message, 1500),
            text=bounded(case.text, _DETAIL_CHARACTERS),
            places=list(case.places),
        )
        for case in failing
    ]


def outcome_of(event: TestsRan) -> TestOutcome:
    """The outcome of a run as the result has it."""
    return TestOutcome(
        exit_code=event.exit_code,
        passed=event.passed,
        tests=event.tests,
        failed=event.failed,
        failures=event.failures[:50],
        seconds=event.seconds,
    )


def describe(event: TestsRan) -> str:
    """The outcome of a run for people: "fail: 2 of 14 (a, b)"."""
    if event.ended == "timeout":
        return f"did not end within {event.seconds:.0f} s"
    of = f": {event.failed} of {event.tests}" if event.tests and event.failed else ""
    if event.passed:
        return f"pass ({event.tests} tests)" if event.tests else "pass"
    short = [name.partition(" (")[0] for name in event.failures]
    names = f" ({', '.join(short[:5])}{', …' if len(short) > 5 else ''})" if short else ""
    return f"fail{of}{names}" if of or names else f"fail with exit code {event.exit_code}"
