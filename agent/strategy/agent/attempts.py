"""Several independent attempts at one issue: each from the base commit in a workspace of its own; one is chosen.

Steps, tokens and time are those of the session; an attempt may use an equal share of what is left of them.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import anyio

from agent.context.budget import TokenMeter
from agent.errors import PatchRejected, SandboxUnavailable
from agent.repo.patch_policy import CheckedPatch
from agent.run.context import Work
from agent.run.resume import put_back, recheck_patch
from agent.run.verification import PatchVerifier, TestedPatch
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Ended
from agent.strategy.agent.tool_loop import work_as_agent
from agent.strategy.patch_selection import changed_lines, choose
from agent.verify.evidence import status_of
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots

_WARMER = 0.15  # added to the temperature from one attempt to the next
_WARMEST = 1.0
_USUAL_TEMPERATURE = 0.7
Status = Literal["submitted", "gave_up", "budget", "interrupted", "failed"]
VERDICTS = ("verified", "passes", "fails", "not tested", "not submitted")
"""What an attempt's change came to, the best first."""


@dataclass(frozen=True)
class Attempt:
    """One that is over. `judged` is None where it changed nothing, or nothing that may leave the sandbox."""

    number: int
    ended: Ended
    judged: TestedPatch | None
    verdict: str

    @property
    def rank(self) -> int:
        """Of its verdict, 0 the best."""
        return VERDICTS.index(self.verdict) if self.verdict in VERDICTS else len(VERDICTS)


async def work_in_attempts(work: Work, judge: PatchVerifier, most: int) -> Ended:
    """Make attempts until the tests verify one, or `most` are made; how the chosen one ended, its change in `chosen`.

    A resumed session goes on with those it has made. Raises `BackendError`s and `SandboxUnavailable`; what was done by
    then is in `chosen` and `fallback`.
    """
    done = [await _again(work, each) for each in work.session.state.over]
    _keep(work, done)
    for number in range(len(done) + 1, most + 1):
        if done and (done[-1].verdict == "verified" or work.exhausted()):
            break
        try:
            attempt = await _attempt(work, judge, number, most)
        except SandboxUnavailable as error:
            if not done:
                raise
            work.warn(f"no further attempt: {error}")
            break
        done.append(attempt)
        _keep(work, done)
        if attempt.verdict == "verified":
            break
    return await _choose(work, done)


async def _again(work: Work, event: AttemptEnded) -> Attempt:
    """An attempt out of the journal, to be verified again if it is the one."""
    status = event.status if event.status in get_args(Status) else "failed"
    ended = Ended(status=cast("Status", status), reason=event.reason, summary=event.summary)
    return Attempt(event.number, ended, await recheck_patch(work, event.patch), event.verdict)


def _keep(work: Work, done: list[Attempt]) -> None:
    """What the session comes to if it ends now."""
    changed = [each for each in done if each.judged]
    if changed:
        best = min(changed, key=lambda each: (each.rank, changed_lines(_patch(each)), each.number))
        work.chosen = best.judged
        work.fallback = best.ended if best.ended.status == "submitted" else None


def _patch(attempt: Attempt) -> str:
    return attempt.judged.patch.text if attempt.judged else ""


async def _choose(work: Work, done: list[Attempt]) -> Ended:
    """The attempts with the best verdict; among them, what `choose` says of their changes."""
    changed = [each for each in done if each.judged]
    if not changed:
        return done[-1].ended
    best = min(each.rank for each in changed)
    equal = [each for each in changed if each.rank == best]
    at, reason = await choose(work, [_patch(each) for each in equal])
    chosen = equal[at]
    if len(done) > 1:
        work.session.emit(AttemptChosen(number=chosen.number, reason=f"{chosen.verdict}; {reason}"))
    work.chosen = chosen.judged
    return chosen.ended


async def _attempt(work: Work, judge: PatchVerifier, number: int, most: int) -> Attempt:
    """Make one attempt and judge it. Raises `SandboxUnavailable`, `BackendError`s."""
    begun = work.session.state.attempt  # by a process before this one
    async with _workspace(work, judge, number) as sandbox:
        own = _own_work(work, sandbox, number, most)
        sampling = own.backend.sampling
        if begun is None or begun.number != number:
            work.session.emit(
                AttemptBegan(number=number, of=most, temperature=sampling.temperature, seed=sampling.seed),
            )
        elif number > 1:  # the first one's workspace is the session's own
            await put_back(own, work.session.state.standing)
            await own.snapshot()
        try:
            ended = await _within_its_time(own, most - number + 1)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _save(work, own, judge)
            raise
        patch, wrong = await _checked(own, judge)
    judged = TestedPatch(patch) if patch and patch.data else None
    if judged and ended.status == "submitted":
        if work.chosen is None:  # the session may end while its tests run
            work.chosen, work.fallback = judged, ended
        judged = await _verified(work, judge, judged.patch)
    verdict = wrong or _verdict(ended, judged)
    attempt = Attempt(number, ended, judged, verdict)
    work.session.emit(
        AttemptEnded(
            number=number,
            status=ended.status,
            reason=ended.reason,
            summary=ended.summary,
            patch=_patch(attempt),
            verdict=verdict,
        )
    )
    return attempt


@asynccontextmanager
async def _workspace(work: Work, judge: PatchVerifier, number: int) -> AsyncIterator[Sandbox]:
    """The session's own sandbox for the first attempt, a fork of the untouched one for each other."""
    if number == 1:
        yield work.sandbox
        return
    sandbox = await judge.clean.fork()
    try:
        yield sandbox
    finally:
        await sandbox.close(keep=False)


def _own_work(work: Work, sandbox: Sandbox, number: int, most: int) -> Work:
    """The work of one attempt: its sandbox, sampling and share of the budgets."""
    state, settings, left = work.session.state, work.settings, most - number + 1
    share = {"max_steps": state.steps + math.ceil((settings.max_steps - state.steps) / left)}
    if settings.max_tokens:
        used = state.usage.completion_tokens
        share["max_tokens"] = used + math.ceil((settings.max_tokens - used) / left)
    sampling = work.backend.sampling
    if number > 1:
        usual = _USUAL_TEMPERATURE if sampling.temperature is None else sampling.temperature
        warmer = max(usual, min(usual + _WARMER * (number - 1), _WARMEST))
        seed = None if sampling.seed is None else sampling.seed * 1000 + number
        sampling = replace(sampling, temperature=round(warmer, 3), seed=seed)
    tests = TestRunner(sandbox, work.tests.command, timeout=settings.test_timeout) if work.tests else None
    return replace(
        work,
        settings=settings.model_copy(update=share),
        sandbox=sandbox,
        snapshots=Snapshots(sandbox),
        tests=tests,
        tools=replace(work.tools, sandbox=sandbox, run_tests=tests.execute if tests else None),
        backend=replace(work.backend, sampling=sampling),
        meter=TokenMeter(),
        fallback=None,
        chosen=None,
    )


async def _within_its_time(work: Work, left: int) -> Ended:
    """Let the agent work for an equal share of the time that is left."""
    share = (anyio.current_effective_deadline() - anyio.current_time()) / left
    with anyio.move_on_after(None if math.isinf(share) else share) as limit:
        return await work_as_agent(work)
    assert limit.cancelled_caught
    return work.fallback or Ended(status="budget", reason="the attempt's share of the time is over")


async def _checked(work: Work, judge: PatchVerifier) -> tuple[CheckedPatch | None, str]:
    """The workspace's change, and a word for why it may not leave the sandbox, or that there is none."""
    try:
        patch = await judge.check(work, await work.diff())
    except PatchRejected as error:
        return None, f"rejected: {error.message}"
    return patch, "" if patch.data else "unchanged"


async def _verified(work: Work, judge: PatchVerifier, patch: CheckedPatch) -> TestedPatch:
    """The evidence for a change; one that does not apply to a clean copy has none."""
    try:
        verification = await judge.verify_in_fork(work, patch)
    except PatchRejected as error:
        work.warn(str(error))
        verification = None
    return TestedPatch(patch, verification)


def _verdict(ended: Ended, judged: TestedPatch | None) -> str:
    if judged is None or ended.status != "submitted":
        return "not submitted"
    if judged.verification is None:
        return "not tested"
    if status_of(ended, True, judged.verification) == "fixed":
        return "verified"
    after = judged.verification.after
    return "passes" if after and after.passed else "fails"


async def _save(work: Work, own: Work, judge: PatchVerifier) -> None:
    """Keep what an attempt did that is being cancelled, where nothing better is there."""
    if work.chosen is None:
        patch, _ = await _checked(own, judge)
        if patch and patch.data:
            work.chosen, work.fallback = TestedPatch(patch), own.fallback
