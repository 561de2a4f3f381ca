"""Trying candidates: written into the workspace, the fewest tests first, taken back whatever came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.model.types import ToolCall, new_call_id
from agent.run.tool_execution import execute_calls, repair_calls
from agent.session.events import CandidateMade, TestsRan
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.candidates import Candidate, Verdict
from agent.strategy.guided.validate.doctests import count_failing_doctests
from agent.verify.selection import Selection, ran_nothing, selections
from agent.verify.suite import TestRunner

_QUICK = 10.0
"""Seconds of all the tests, up to which they cost little more than some of them."""


@dataclass
class Trials:
    """Tries candidates against one reproduction, without one against all tests.

    `sources` are the texts they start from, in the tree `tree`; `count` how many were tried, or refused.
    """

    guided: GuidedState
    reproduction: Reproduction | None
    sources: Mapping[str, str]
    tree: str
    count: int = 0
    _tried: dict[tuple[tuple[str, str], ...], Verdict] = field(default_factory=dict)

    async def run(self, candidate: Candidate) -> Verdict:
        """Try one; the workspace is as it was before, whatever came of it. Raises `SandboxLost`."""
        files = {path: text for path, text in candidate.files.items() if text != self.sources.get(path)}
        key = tuple(sorted(files.items()))
        if not files:
            return self._journal(candidate.title, Verdict("unchanged", self._failure))
        if key in self._tried:
            return self._journal(candidate.title, replace(self._tried[key], again=True))
        await self.write(candidate)
        verdict = await self._test(files)
        if verdict.outcome == "passes" and self.guided.rules.doctests:
            failing = await count_failing_doctests(self.guided, self.sources, files, candidate.names)
            verdict = replace(verdict, failing_examples=failing)
        self._tried[key] = verdict
        await self.guided.workspace.snapshots.restore(self.tree)
        return self._journal(candidate.title, verdict)

    def refuse(self, title: str) -> Verdict:
        """The verdict on a reply that came to no candidate."""
        return self._journal(title, Verdict("refused"))

    def _journal(self, title: str, verdict: Verdict) -> Verdict:
        self.count += 1
        self.guided.session.emit(CandidateMade(number=self.count, region=title, verdict=str(verdict)))
        return verdict

    async def write(self, candidate: Candidate) -> None:
        """Write a candidate into the workspace, by the tool."""
        for path, text in candidate.files.items():
            content = text.replace("\n", "\r\n") if path in self.guided.crlf else text
            arguments = json.dumps({"path": path, "content": content}, ensure_ascii=False)
            call = ToolCall(id=new_call_id(), name="write_file", arguments=arguments)
            await execute_calls(self.guided.run, repair_calls(self.guided.run, [call]))

    @property
    def command(self) -> str:
        """What must pass first; empty where that is nothing less than all the tests."""
        first = self._stages({})[0]
        return first.command if first.kind == "failing" or self._failure is not None else ""

    @property
    def seconds(self) -> float:
        """About how long that takes."""
        return self._failure.seconds if self.guided.required.command and self._failure else self._suite_seconds

    @property
    def _failure(self) -> TestsRan | None:
        return self.reproduction.failure if self.reproduction else None

    @property
    def _targets(self) -> frozenset[str]:
        return self.reproduction.tests if self.reproduction else frozenset()

    @property
    def _suite_seconds(self) -> float:
        ran = self.guided.context.baseline.ran
        return ran.seconds if ran is not None else 0.0

    @property
    def _runner(self) -> TestRunner:
        assert self.guided.context.tests is not None  # else there is no guided search
        return self.guided.context.tests

    async def _test(self, files: Mapping[str, str]) -> Verdict:
        """Run what must pass, then the tests nearest to the change, then all; stop at the first that fails."""
        baseline = self.guided.context.baseline
        allowed = baseline.failing - self._targets | baseline.flaky
        last: TestsRan | None = None
        for stage in self._stages(files):
            script = stage.command == self.guided.required.command
            ran = await self._run(stage, 2 * self.seconds + 10 if script else 0.0)
            if not script and ran_nothing(ran):
                continue
            last = ran
            if baseline.tests_unusable and stage.kind != "failing" and not ran.failures:
                continue
            broken = set(ran.failures) - allowed
            if ran.passed or (stage.kind != "failing" and ran.failures and not broken):
                continue
            better = self._improves(ran) and not await self._breaks(allowed)
            return Verdict("better" if better else "fails", ran)
        untestable = baseline.tests_unusable and self._failure is None  # then a change can only be proposed
        return Verdict("passes", last) if last is not None or untestable else Verdict("fails")

    async def _run(self, stage: Selection, limit: float = 0.0) -> TestsRan:
        """Run a part of the tests for at least `limit` seconds, longer where all of them took long."""
        limit = max(limit, self._runner.limit_after(self.guided.context.baseline.ran))
        ran = await self._runner.run("candidate", command=stage.command, about=stage.about, limit=limit)
        self.guided.session.emit(ran)
        return ran

    def _stages(self, files: Mapping[str, str]) -> list[Selection]:
        changed = [] if self._suite_seconds < _QUICK else sorted(files)
        stages = selections(self._runner.command, failing=sorted(self._targets), changed=changed, sources=self.sources)
        if self.guided.required.command:
            return [Selection(self.guided.required.command, "the reproduction", "failing"), *stages]
        return stages

    def _improves(self, ran: TestsRan) -> bool:
        """Whether some of the target tests pass that failed, and the runner named all that still fail."""
        failing = set(ran.failures)
        return bool(failing) and ran.ended == "exited" and failing < self._targets

    async def _breaks(self, allowed: frozenset[str]) -> bool:
        """Whether the whole suite has failures that it did not have before."""
        ran = await self._run(Selection(self._runner.command, "", "all"))
        return ran.ended != "exited" or not set(ran.failures) <= allowed | self._targets
