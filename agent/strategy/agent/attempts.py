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
from agent.run.best_result import BestResult, TestedPatch
from agent.run.resume import recheck_patch, restore_workspace
from agent.run.run import Run
from agent.run.tool_session import ToolSession
from agent.session.events import AttemptBegan, AttemptChosen, AttemptEnded, Ended
from agent.strategy.agent.tool_loop import work_as_agent
from agent.strategy.patch_selection import changed_lines, choose, proposal_of_patch
from agent.verify.status import status_of
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots

_TEMPERATURE_STEP = 0.15
"""Added to the temperature from one attempt to the next, so that they differ. Chosen, not measured."""
_MAX_TEMPERATURE = 1.0
_DEFAULT_TEMPERATURE = 0.7
"""Where neither the user nor the profile names one."""
Status = Literal["submitted", "gave_up", "budget", "interrupted", "failed"]
Verdict = Literal["verified", "passes", "fails", "not tested", "not submitted"]
"""What the tests say of an attempt's change."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""The best first. Any other verdict is why there is no change: `unchanged`, or `rejected` with the reason."""


@dataclass(frozen=True)
class Attempt:
    """An attempt that is over. `tested` is None where it changed nothing, or nothing that may leave the sandbox."""

    number: int
    ended: Ended
    tested: TestedPatch | None
    verdict: str

    @property
    def rank(self) -> int:
        """The place of its verdict among `VERDICTS`, 0 the best; after them for any other."""
        return VERDICTS.index(self.verdict) if self.verdict in VERDICTS else len(VERDICTS)


async def work_in_attempts(run: Run, limit: int) -> Ended:
    """Make attempts until the tests verify one, or `limit` are made; how the chosen one ended.

    Its change is the run's best; what was done is there, too, when it raises `BackendError`s or `SandboxUnavailable`.
    A resumed session goes on with the attempts it has made.
    """
    done = [await _from_journal(run, each) for each in run.session.state.attempts.finished]
    _keep_best(run, done)
    for number in range(len(done) + 1, limit + 1):
        if done and (done[-1].verdict == "verified" or run.context.exhausted_budget()):
            break
        try:
            attempt = await _attempt(run, number, limit)
        except SandboxUnavailable as error:
            if not done:
                raise
            run.context.warn(f"no further attempt: {error}")
            break
        done.append(attempt)
        _keep_best(run, done)
        if attempt.verdict == "verified":
            break
    return await _choose(run, done)


async def _from_journal(run: Run, event: AttemptEnded) -> Attempt:
    """An attempt out of the journal, to be verified again if it is the one."""
    status = event.status if event.status in get_args(Status) else "failed"
    ended = Ended(status=cast("Status", status), reason=event.reason, summary=event.summary)
    return Attempt(event.number, ended, await recheck_patch(run, event.patch), event.verdict)


def _keep_best(run: Run, done: list[Attempt]) -> None:
    """Make the best attempt so far the session's change, should it end now."""
    changed = [each for each in done if each.tested]
    if changed:
        best = min(changed, key=lambda each: (each.rank, changed_lines(_patch(each)), each.number))
        assert best.tested is not None
        run.best.choose(best.tested, best.ended if best.ended.status == "submitted" else None)


def _patch(attempt: Attempt) -> str:
    return attempt.tested.patch.text if attempt.tested else ""


async def _choose(run: Run, done: list[Attempt]) -> Ended:
    """The attempts with the best verdict; among them, what `choose` says of their changes."""
    changed = [each for each in done if each.tested]
    if not changed:
        return done[-1].ended
    best = min(each.rank for each in changed)
    equal = [each for each in changed if each.rank == best]
    at, reason = await choose(run, [proposal_of_patch(_patch(each)) for each in equal])
    chosen = equal[at]
    if len(done) > 1:
        run.session.emit(AttemptChosen(number=chosen.number, reason=f"{chosen.verdict}; {reason}"))
    run.best.replace_patch(chosen.tested)
    return chosen.ended


async def _attempt(run: Run, number: int, limit: int) -> Attempt:
    """Make one attempt and judge it. Raises `SandboxUnavailable`, `BackendError`s."""
    begun = run.session.state.attempts.current  # by a process before this one
    async with _workspace(run, number) as sandbox:
        own = _attempt_run(run, sandbox, number, limit)
        sampling = own.model.backend.sampling
        if begun is None or begun.number != number:
            run.session.emit(
                AttemptBegan(number=number, of=limit, temperature=sampling.temperature, seed=sampling.seed),
            )
        elif number > 1:  # the first one's workspace is the session's own
            await restore_workspace(own, run.session.state.resume_tree)
            await own.workspace.snapshot()
        try:
            ended = await _within_its_time(own, limit - number + 1)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _save(run, own)
            raise
        patch, wrong = await _checked(own)
    tested = TestedPatch(patch) if patch and patch.data else None
    if tested and ended.status == "submitted":
        if run.best.patch is None:  # the session may end while its tests run
            run.best.choose(tested, ended)
        tested = await _verified(run, tested.patch)
    verdict = wrong or _verdict(ended, tested)
    attempt = Attempt(number, ended, tested, verdict)
    run.session.emit(
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
async def _workspace(run: Run, number: int) -> AsyncIterator[Sandbox]:
    """The session's own sandbox for the first attempt, a fork of the untouched one for each other."""
    if number == 1:
        yield run.workspace.sandbox
        return
    sandbox = await run.verifier.clean.fork()
    try:
        yield sandbox
    finally:
        await sandbox.close(keep=False)


def _attempt_run(run: Run, sandbox: Sandbox, number: int, limit: int) -> Run:
    """The run of one attempt: its sandbox, sampling and share of the budgets."""
    state, settings, left = run.session.state, run.context.settings, limit - number + 1
    share = {"max_steps": state.totals.steps + math.ceil((settings.max_steps - state.totals.steps) / left)}
    if settings.max_tokens:
        used = state.totals.usage.completion_tokens
        share["max_tokens"] = used + math.ceil((settings.max_tokens - used) / left)
    sampling = run.model.backend.sampling
    if number > 1:
        usual = _DEFAULT_TEMPERATURE if sampling.temperature is None else sampling.temperature
        warmer = max(usual, min(usual + _TEMPERATURE_STEP * (number - 1), _MAX_TEMPERATURE))
        seed = None if sampling.seed is None else sampling.seed * 1000 + number
        sampling = replace(sampling, temperature=round(warmer, 3), seed=seed)
    tests = run.context.tests and TestRunner(sandbox, run.context.tests.command, timeout=settings.test_timeout)
    settings = settings.model_copy(update=share)
    backend = replace(run.model.backend, sampling=sampling)
    tools = replace(run.tools.context, sandbox=sandbox, run_tests=tests.execute if tests else None)
    return replace(
        run,
        context=replace(run.context, settings=settings, tests=tests),
        workspace=replace(run.workspace, sandbox=sandbox, snapshots=Snapshots(sandbox)),
        model=replace(run.model, settings=settings, backend=backend, meter=TokenMeter()),
        tools=ToolSession(tools, run.tools.registry),
        best=BestResult(),
    )


async def _within_its_time(run: Run, left: int) -> Ended:
    """Let the agent work for an equal share of the time that is left."""
    share = (anyio.current_effective_deadline() - anyio.current_time()) / left
    with anyio.move_on_after(None if math.isinf(share) else share) as limit:
        return await work_as_agent(run)
    assert limit.cancelled_caught
    return run.best.ending or Ended(status="budget", reason="the attempt's share of the time is over")


async def _checked(run: Run) -> tuple[CheckedPatch | None, str]:
    """The workspace's change, and a word for why it may not leave the sandbox, or that there is none."""
    try:
        patch = await run.verifier.check(await run.workspace.diff())
    except PatchRejected as error:
        return None, f"rejected: {error.message}"
    return patch, "" if patch.data else "unchanged"


async def _verified(run: Run, patch: CheckedPatch) -> TestedPatch:
    """The evidence for a change; one that does not apply to a clean copy has none."""
    try:
        verification = await run.verifier.verify(patch)
    except PatchRejected as error:
        run.context.warn(str(error))
        verification = None
    return TestedPatch(patch, verification)


def _verdict(ended: Ended, tested: TestedPatch | None) -> str:
    if tested is None or ended.status != "submitted":
        return "not submitted"
    if tested.verification is None:
        return "not tested"
    if status_of(ended, True, tested.verification) == "fixed":
        return "verified"
    after = tested.verification.after
    return "passes" if after and after.passed else "fails"


async def _save(run: Run, own: Run) -> None:
    """Keep what an attempt did that is being cancelled, where nothing better is there."""
    if run.best.patch is None:
        patch, _ = await _checked(own)
        if patch and patch.data:
            run.best.choose(TestedPatch(patch), own.best.ending)
