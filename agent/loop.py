"""One session, from the task to the result. Read this first.

::

    run_session
      resume      where there is a journal: the session is continued, nothing that it records is done again
      prepare     (run/setup.py) repository copied into the sandbox, environment set up, tests run once
      strategy    agent (strategy/agent/tool_loop.py): the model chooses each tool call, in one or several attempts
                  guided (strategy/guided/strategy.py): the program asks narrow questions
                  each may hand off to the other (strategy/handoff.py)
      conclude    the diff out of the sandbox, checked on the host, tests run in a clean copy with it applied

Everything that happens is an event in the journal (session/events.py); terminals and exports subscribe to it.
What ends a session is an event too: `submitted`, `gave_up`, `budget`, `interrupted`, `failed`.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from dataclasses import dataclass

import anyio

from agent import __version__
from agent.backend import Backend, open_backend
from agent.errors import BudgetExhausted, SandboxError, SandboxLost, SourceError, SweAgentError, UsageError
from agent.files import PRIVATE, write_atomically
from agent.redaction import know_secret, know_url, mask_addresses
from agent.repo.patch_policy import CheckedPatch
from agent.run.context import exhausted_budget
from agent.run.resume import recheck_patch, restore_workspace
from agent.run.run import Run
from agent.run.setup import Prepared, prepare
from agent.run.workspaces import open_clean, open_workspace
from agent.session.events import (
    BackendFound,
    Ended,
    Result,
    Resumed,
    SessionStarted,
    Verification,
    Warned,
    WorkBegan,
)
from agent.session.journal import Journal
from agent.session.live import DownloadAdvanced
from agent.session.session import Session
from agent.session.state import FINISHED
from agent.strategy.handoff import Strategy, work_by
from agent.task import Task
from agent.verify.status import status_of, why_unverified

_EXIT_CODES = {"fixed": 0, "unverified": 1, "no_patch": 1, "budget": 5, "interrupted": 130}


@dataclass(frozen=True)
class Outcome:
    """The result, and the checked patch to apply it with."""

    result: Result
    patch: CheckedPatch


async def run_session(task: Task) -> Outcome:
    """Run on a task until it is done or can't go on; never raises for what a session can end with.

    Where the task's directory has a journal, the session is continued. A cancellation ends it as `interrupted`. Raises
    `JournalError` when the record can't be read or written, or another process has it; `UsageError` for a session that
    is finished, `BudgetExhausted` for one whose budget ended it and is still the same.
    """
    know_secret(task.settings.api_key)
    know_url(task.settings.base_url)
    with Journal(task.directory / "journal.jsonl") as journal:
        session = Session(task.session_id, journal, task.subscribers)
        resumed = session.state.started is not None
        if resumed:
            _check(task, session)
        session.emit(_resumed(session) if resumed else _started(task))
        run = _SessionRun(task, session, resumed=resumed)
        try:
            await run.go()
        except SweAgentError as error:
            run.failed(error)
        except Exception as error:  # a mistake of ours: told as such, with the work kept
            trace = task.directory / "crash.txt"
            with contextlib.suppress(OSError):
                write_atomically(trace, mask_addresses(traceback.format_exc()), mode=PRIVATE)
            message = f"internal error: {mask_addresses(repr(error))}"
            run.failed(SweAgentError(message, hint=f"please report it with {trace}"))
        except anyio.get_cancelled_exc_class():
            run.end(Ended(status="interrupted", reason="interrupted"))
            return run.outcome()  # the cancellation has done its work: the caller asked for just this
        return run.outcome()


def _started(task: Task) -> SessionStarted:
    settings = task.settings.model_dump(mode="json", exclude={"api_key"})
    if task.settings.patch_file is not None:
        settings["patch_file"] = str(task.settings.patch_file.absolute())  # it may be resumed from elsewhere
    return SessionStarted(
        session_id=task.session_id,
        version=__version__,
        issue_title=task.issue.title,
        issue_body=task.issue.body,
        issue_source=task.issue.source,
        issue_repository=task.issue.repository,
        repository=str(task.repository.directory),
        base_commit=task.repository.commit,
        strategy=task.settings.strategy,
        settings=settings,
    )


def _resumed(session: Session) -> Resumed:
    return Resumed(
        session_id=session.id,
        version=__version__,
        interrupted=session.state.interruption,
        seconds=round(session.earlier_seconds(), 3),
    )


def _check(task: Task, session: Session) -> None:
    """Raise for a session that has nothing to go on with."""
    state, settings = session.state, task.settings
    if state.finished:
        raise UsageError(f"the session {session.id} is finished: {state.finished}", hint="there is nothing to resume")
    if state.prompt.begun and state.work is None:
        raise UsageError(
            f"the session {session.id} is of an earlier version", hint="start it again with `swe-agent fix`"
        )
    if state.result is None or state.result.status != "budget":
        return
    if reason := exhausted_budget(state, settings):
        option = "--max-steps" if state.totals.steps >= settings.max_steps else "--max-tokens"
        raise BudgetExhausted(reason, hint=f"resume it with a larger {option}")
    if settings.time_limit and settings.time_limit <= session.earlier_seconds() - state.totals.backend_seconds:
        reason = f"the time limit of {settings.time_limit:g} s is over"
        raise BudgetExhausted(reason, hint="resume it with a larger --time-limit; it is for the session as a whole")


class _SessionRun:
    """The state of one `run_session`: how it ended and what came out so far."""

    def __init__(self, task: Task, session: Session, *, resumed: bool) -> None:
        self.task = task
        self.session = session
        self.resumed = resumed
        self.strategy: Strategy | None = session.state.work.strategy if session.state.work else None
        self.ended = session.state.ended  # the work was done, its result was not
        self.patch = CheckedPatch(b"", ())
        self.verification: Verification | None = None
        self.error: SweAgentError | None = None

    async def go(self) -> None:
        """The backend, then the work with it in a sandbox."""
        task = self.task
        log = task.directory / "model-server.log"
        begun = time.monotonic()
        async with open_backend(
            task.settings,
            log_path=log,
            on_progress=task.report,
            on_download=lambda progress: task.publish(DownloadAdvanced(progress.done, progress.total, progress.source)),
        ) as backend:
            wanted = task.settings.strategy
            self.strategy = self.strategy or (backend.profile.strategy if wanted == "auto" else wanted)
            found = _backend_event(backend, time.monotonic() - begun)
            self.session.emit(found, *(Warned(message=each) for each in backend.warnings))
            await self._in_sandbox(backend, self.strategy)

    async def _in_sandbox(self, backend: Backend, strategy: Strategy) -> None:
        """Prepare, run, conclude; where the time limit is over before the work begins, no more than that."""
        task = self.task
        async with open_workspace(task, self.session, self._keep, resumed=self.resumed) as (sandbox, kept):
            prepared: Prepared | None = None
            with anyio.move_on_after(self._seconds_left() if self.session.state.work is None else None):
                prepared = await prepare(task, self.session, backend, sandbox, kept=kept)
            if prepared is None:
                return self._overdue()
            # made before the agent starts, so nothing it does can reach it
            async with open_clean(task, self.session, sandbox, self._keep, touched=kept) as clean:
                run = prepared.run(clean)
                try:
                    await self._begin(run, strategy, kept=kept)
                    if self.ended is None:
                        await self._work(run, strategy)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._conclude(run)

    def _keep(self) -> bool:
        """Whether the session may go on in its workspace."""
        finished = self.ended is not None and self.ended.status in FINISHED
        lost = self.error is not None and not isinstance(self.error, SourceError)
        return self.task.settings.keep_workspace and (lost or not finished)

    async def _begin(self, run: Run, strategy: Strategy, *, kept: bool) -> None:
        """The work begins, or goes on where the journal says that it was. Raises `SandboxError`s."""
        state = self.session.state
        if state.work is None:
            self.session.emit(WorkBegan(strategy=strategy, flaky=sorted(run.context.baseline.flaky)))
            return
        if not state.in_attempt_workspace:
            if not kept:
                await restore_workspace(run, state.resume_tree)
            await run.workspace.snapshot()
        if state.ended is not None:
            run.best.replace_patch(await recheck_patch(run, state.ended.patch))

    async def _work(self, run: Run, strategy: Strategy) -> None:
        """Run the strategy within what is left of the time limit."""
        try:
            with anyio.move_on_after(self._seconds_left()) as limit:
                ended = await work_by(run, strategy)
                self.end(run.best.with_patch(ended))
        except anyio.get_cancelled_exc_class():
            self.end(Ended(status="interrupted", reason="interrupted"))
            raise
        except SweAgentError as error:
            self.failed(error)
        if limit.cancelled_caught:
            self._overdue(run)

    def _seconds_left(self) -> float | None:
        """Of the time limit, which counts everything from the moment that the model answers; None is no limit."""
        limit = self.task.settings.time_limit
        return None if limit is None else max(limit - self.session.limited_seconds(), 0.0)

    def _overdue(self, run: Run | None = None) -> None:
        """The time limit is over: what was found counts."""
        when = "" if run else " before the work began"
        ended = Ended(status="budget", reason=f"the time limit of {self.task.settings.time_limit:g} s is over{when}")
        self.end(run.best.with_patch(run.best.ending or ended) if run else ended)

    async def _conclude(self, run: Run) -> None:
        """Get the diff out and check it; if the work was not interrupted, verify it. Errors become the session's."""
        try:
            tested = run.best.patch
            self.patch = tested.patch if tested else await run.verifier.check(await run.workspace.diff())
            self.verification = tested.verification if tested else None
            if self.patch.left_out:
                run.context.warn(_told_left_out(self.patch))
            finished = self.ended is not None and self.ended.status in {"submitted", "gave_up"}
            if self.ended is not None and finished and self.verification is None:
                self.verification = await run.verifier.verify(self.patch, by_trying=self.ended.by_trying)
        except SweAgentError as error:
            if self.error is None:
                self.error = error

    def end(self, ended: Ended) -> None:
        """Journal how it ended, once."""
        if self.ended is None:
            self.session.emit(ended)
            self.ended = ended

    def failed(self, error: SweAgentError) -> None:
        """It ended by an error, which goes into the result."""
        if isinstance(error, SandboxLost):
            error = SandboxError(error.message, hint=error.hint)
        self.error = self.error or error
        self.end(Ended(status="budget" if isinstance(error, BudgetExhausted) else "failed", reason=str(error)))

    def outcome(self) -> Outcome:
        """The result event, journalled."""
        ended = self.ended or Ended(status="failed", reason="the process ended unexpectedly")
        state = self.session.state
        status = "error" if self.error else status_of(ended, bool(self.patch.data), self.verification)
        exit_code = self.error.exit_code if self.error else _EXIT_CODES[status]
        result = Result(
            status=status,
            exit_code=exit_code,
            session_id=self.session.id,
            patch=self.patch.text,
            patch_base64=self.patch.base64,
            files=list(self.patch.files),
            left_out=list(self.patch.left_out),
            verification=self.verification,
            strategy="+".join(
                [self.strategy or self.task.settings.strategy, *(each.after for each in state.strategy_changes)]
            ),
            attempts=max(state.attempts.count, state.guided.candidates, 1),
            steps=state.totals.steps,
            usage=state.totals.usage,
            seconds=self.session.seconds(),
            summary=ended.summary,
            error=self._reason(ended, status),
        )
        self.session.emit(result)
        return Outcome(result, self.patch)

    def _reason(self, ended: Ended, status: str) -> str | None:
        """Why it is not `fixed`; None when it is."""
        if self.error:
            return str(self.error)
        if status == "fixed":
            return None
        if ended.status == "submitted":
            if self.patch.data:
                return why_unverified(self.verification)
            return _told_left_out(self.patch) if self.patch.left_out else "nothing was changed"
        return ended.reason


def _told_left_out(patch: CheckedPatch) -> str:
    names = ", ".join(map(repr, patch.left_out))
    return f"left out of the change, since it runs or steers something (--allow-path PATTERN allows it): {names}"


def _backend_event(backend: Backend, seconds: float) -> BackendFound:
    server = backend.server
    return BackendFound(
        base_url=server.address.base_url,
        server=server.title,
        model=server.model,
        window=backend.window,
        window_held=server.window.held,
        window_asked=server.window.asked,
        window_trained=server.window.trained or backend.profile.window,
        tool_calling=backend.tool_calls().mode,
        seconds=round(seconds, 3),
    )
