"""Trying candidates: written into the workspace, the fewest tests first, taken back unless they pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.model.types import ToolCall, new_call_id
from agent.run.tool_execution import execute_calls, repair_calls
from agent.session.events import CandidateMade, TestsRan
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.choose import Candidate
from agent.strategy.guided.validate.doctests import doubts
from agent.verify.selection import Selection, ran_nothing, selections
from agent.verify.suite import describe

_QUICK = 10.0  # seconds

Kind = Literal["passes", "better", "fails", "untried"]


@dataclass(frozen=True)
class Verdict:
    """What came of a candidate. `better` is one that mends some of the failures and breaks nothing; `ran` decided."""

    kind: Kind
    ran: TestsRan | None = None
    doubts: int = 0  # documented examples of the changed functions that fail, of one that passes


def _word(verdict: Verdict) -> str:
    if verdict.kind != "passes":
        return f"tests {describe(verdict.ran)}" if verdict.ran else "fails"
    examples = "a documented example fails" if verdict.doubts == 1 else f"{verdict.doubts} documented examples fail"
    return f"passes, but {examples}" if verdict.doubts else "passes"


@dataclass
class Target:
    """What must pass: a reproduction, or the tests that fail (`names`, empty where the runner names none), or all."""

    failure: TestsRan | None
    names: frozenset[str] = frozenset()
    doubtful: bool = False  # it may ask for something else than the issue, so that half of a budget is enough for it


@dataclass
class Trials:
    """Tries candidates against one target. `sources` are the texts they start from, in the tree `tree`."""

    guided: GuidedState
    target: Target
    sources: Mapping[str, str]
    tree: str
    count: int = 0
    _tried: dict[tuple[tuple[str, str], ...], Verdict] = field(default_factory=dict)

    async def run(self, candidate: Candidate) -> Verdict:
        """Try one; the workspace is as it was before, whatever came of it."""
        files = {path: text for path, text in candidate.files.items() if text != self.sources.get(path)}
        if not files:
            return self._made(candidate, "unchanged", Verdict("untried", self.target.failure))
        key = tuple(sorted(files.items()))
        if key in self._tried:
            return self._made(candidate, "tried before", self._tried[key])
        await self.place(candidate)
        verdict = await self._judge(files)
        if verdict.kind == "passes":
            verdict = replace(verdict, doubts=await doubts(self.guided, self.sources, files, candidate.names))
        self._tried[key] = verdict
        await self.guided.workspace.snapshots.restore(self.tree)
        return self._made(candidate, _word(verdict), verdict)

    def refuse(self, title: str, why: str) -> None:
        """Journal a reply that came to no candidate."""
        self.count += 1
        self.guided.session.emit(CandidateMade(number=self.count, region=title, verdict=why))

    def _made(self, candidate: Candidate, word: str, verdict: Verdict) -> Verdict:
        self.count += 1
        self.guided.session.emit(CandidateMade(number=self.count, region=candidate.title, verdict=word))
        return verdict

    @property
    def command(self) -> str:
        """What must pass first; empty where that is nothing less than all the tests."""
        first = self._stages({})[0]
        return first.command if first.kind == "failing" or self.target.failure is not None else ""

    @property
    def seconds(self) -> float:
        """About how long that takes."""
        failure = self.target.failure
        return failure.seconds if self.guided.command and failure is not None else self._all_seconds

    @property
    def _all_seconds(self) -> float:
        baseline = self.guided.context.baseline.ran
        return baseline.seconds if baseline is not None else 0.0

    async def place(self, candidate: Candidate) -> None:
        """Write a candidate into the workspace, by the tool."""
        calls = []
        for path, text in candidate.files.items():
            content = text.replace("\n", "\r\n") if path in self.guided.crlf else text
            arguments = json.dumps({"path": path, "content": content}, ensure_ascii=False)
            calls.append(ToolCall(id=new_call_id(), name="write_file", arguments=arguments))
        for pending in repair_calls(self.guided.run, calls):
            await execute_calls(self.guided.run, [pending])

    async def _judge(self, files: Mapping[str, str]) -> Verdict:
        """Run what must pass, then the tests nearest to the change, then all; stop at the first that fails."""
        guided = self.guided
        assert guided.context.tests is not None
        allowed = self._old_failures() - self.target.names
        last: TestsRan | None = None
        for stage in self._stages(files):
            limit = guided.context.tests.limit_after(guided.context.baseline.ran)
            if stage.command == guided.command:
                limit = max(limit, 2 * self.seconds + 10)
            ran = await guided.context.tests.run("candidate", command=stage.command, about=stage.about, limit=limit)
            guided.session.emit(ran)
            if stage.command != guided.command and ran_nothing(ran):
                continue
            last = ran
            if guided.context.baseline.tests_unusable and stage.kind != "failing" and not ran.failures:
                continue
            broken = set(ran.failures) - allowed - guided.context.baseline.flaky
            if ran.passed or (stage.kind != "failing" and ran.failures and not broken):
                continue
            if self._improves(ran) and not await self._breaks(allowed):
                return Verdict("better", ran)
            return Verdict("fails", ran)
        unheard = (
            guided.context.baseline.tests_unusable and self.target.failure is None
        )  # a proposal where no test can say anything
        return Verdict("passes", last) if last is not None or unheard else Verdict("fails")

    def _stages(self, files: Mapping[str, str]) -> list[Selection]:
        guided = self.guided
        assert guided.context.tests is not None
        names = sorted(self.target.names)
        quick = self._all_seconds < _QUICK  # then all the tests cost little more than some of them
        changed = [] if quick else sorted(files)
        stages = selections(guided.context.tests.command, failing=names, changed=changed, sources=self.sources)
        if guided.command:
            return [Selection(guided.command, "the reproduction", "failing"), *stages]
        return stages

    def _old_failures(self) -> frozenset[str]:
        baseline = self.guided.context.baseline.ran
        return frozenset(baseline.failures) if baseline is not None and not baseline.passed else frozenset()

    def _improves(self, ran: TestsRan) -> bool:
        """Whether some of the target's tests pass that failed, and the runner named all that still fail."""
        failing = set(ran.failures)
        return bool(failing) and ran.ended == "exited" and failing < self.target.names

    async def _breaks(self, allowed: frozenset[str]) -> bool:
        """Whether the whole suite has failures that it did not have before."""
        guided = self.guided
        assert guided.context.tests is not None
        ran = await guided.context.tests.run(
            "candidate", limit=guided.context.tests.limit_after(guided.context.baseline.ran)
        )
        guided.session.emit(ran)
        return (
            ran.ended != "exited"
            or not set(ran.failures) <= allowed | self.target.names | guided.context.baseline.flaky
        )
