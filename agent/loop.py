"""One session, from the task to the result. Read this first.

::

    run_session
      prepare     (prepare.py) repository copied into the sandbox, environment set up, tests run once
      strategy    agent (strategy/agent.py): the model chooses each tool call, in one or several attempts
                  guided (strategy/guided.py): the program asks narrow questions
                  each may hand over to the other (strategy/handover.py)
      conclude    the diff out of the sandbox, checked on the host, tests run in a clean copy with it applied

Everything that happens is an event in the journal (session/events.py); terminals and exports subscribe to it.
What ends a session is an event too: `submitted`, `gave_up`, `budget`, `interrupted`, `failed`.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Literal

import anyio

from agent import __version__
from agent.errors import BudgetExhausted, SandboxError, SandboxLost, SweAgentError
from agent.forge.patch import CheckedPatch
from agent.model.backend import Backend, open_backend
from agent.prepare import prepare
from agent.session.events import (
    BackendFound,
    Ended,
    Result,
    SessionStarted,
    Verification,
    Warned,
)
from agent.session.journal import Journal
from agent.session.session import Session
from agent.strategy.handover import work_by
from agent.strategy.judge import Judge
from agent.strategy.work import Work
from agent.task import Task
from agent.verify.evidence import status_of, why_unverified
from sandbox import open_sandbox

_EXIT_CODES = {"fixed": 0, "unverified": 1, "no_patch": 1, "budget": 5, "interrupted": 130}


@dataclass(frozen=True)
class Outcome:
    """The result, and the checked patch to apply it with."""

    result: Result
    patch: CheckedPatch


async def run_session(task: Task) -> Outcome:
    """Work on a task until it is done or can't go on; never raises for what a session can end with.

    A cancellation ends it as `interrupted`. Raises `JournalError` when the record can't be written.
    """
    secrets = [task.settings.api_key] if task.settings.api_key else []
    with Journal(task.directory / "journal.jsonl", secrets=secrets) as journal:
        session = Session(task.session_id, journal, task.subscribers)
        session.emit(_started(task))
        run = _Run(task, session)
        try:
            await run.go()
        except SweAgentError as error:
            run.failed(error)
        except Exception as error:  # a mistake of ours: told as such, with the work kept
            trace = task.directory / "crash.txt"
            trace.write_text(traceback.format_exc(), encoding="utf-8")
            run.failed(SweAgentError(f"internal error: {error!r}", hint=f"please report it with {trace}"))
        except anyio.get_cancelled_exc_class():
            run.end(Ended(status="interrupted", reason="interrupted"))
            return run.outcome()  # the cancellation has done its work: the caller asked for just this
        return run.outcome()


def _started(task: Task) -> SessionStarted:
    return SessionStarted(
        session_id=task.session_id,
        version=__version__,
        issue_title=task.issue.title,
        issue_body=task.issue.body,
        issue_source=task.issue.source,
        repository=str(task.repository.directory),
        base_commit=task.repository.commit,
        strategy=task.settings.strategy,
        settings=task.settings.model_dump(mode="json", exclude={"api_key"}),
    )


class _Run:
    """The state of one `run_session`: how it ended and what came out so far."""

    def __init__(self, task: Task, session: Session) -> None:
        self.task = task
        self.session = session
        self.strategy: Literal["agent", "guided"] | None = None
        self.ended: Ended | None = None
        self.patch = CheckedPatch(b"", ())
        self.verification: Verification | None = None
        self.error: SweAgentError | None = None

    async def go(self) -> None:
        """Backend and sandbox, then the work in them."""
        task = self.task
        log = task.directory / "model-server.log"
        async with (
            open_backend(
                task.settings, log_path=log, on_progress=task.on_progress, on_download=task.on_download
            ) as backend,
            open_sandbox(
                task.settings.sandbox,
                name=task.session_id,
                directory=task.directory / "workspace",
                image=task.settings.image,
                on_progress=task.on_progress,
            ) as sandbox,
        ):
            wanted = task.settings.strategy
            self.strategy = backend.profile.strategy if wanted == "auto" else wanted
            self.session.emit(_backend_event(backend), *(Warned(message=each) for each in backend.warnings))
            work = await prepare(task, self.session, backend, sandbox)
            clean = await sandbox.fork()  # made before the agent starts, so nothing it does can reach it
            work.judge = Judge(clean)
            try:
                await self._work(work, self.strategy)
            finally:
                with anyio.CancelScope(shield=True):
                    await self._conclude(work, work.judge)
                    await clean.close(keep=False)

    async def _work(self, work: Work, strategy: Literal["agent", "guided"]) -> None:
        """Run the strategy within the time limit."""
        try:
            with anyio.move_on_after(self.task.settings.time_limit) as limit:
                self.end(await work_by(work, strategy))
        except anyio.get_cancelled_exc_class():
            self.end(Ended(status="interrupted", reason="interrupted"))
            raise
        except SweAgentError as error:
            self.failed(error)
        if limit.cancelled_caught:
            reason = f"the time limit of {self.task.settings.time_limit:g} s is over"
            self.end(work.fallback or Ended(status="budget", reason=reason))

    async def _conclude(self, work: Work, judge: Judge) -> None:
        """Get the diff out and check it; if the work was not interrupted, verify it. What fails is told."""
        try:
            judged = work.chosen
            self.patch = judged.patch if judged else await judge.check(work, await work.diff())
            self.verification = judged.verification if judged else None
            finished = self.ended is not None and self.ended.status in {"submitted", "gave_up"}
            if finished and self.verification is None:
                self.verification = await judge.verify(work, self.patch)
        except SweAgentError as error:
            if self.error is None:
                self.error = error

    def end(self, ended: Ended) -> None:
        """Journal how it ended, once."""
        if self.ended is None:
            self.ended = ended
            self.session.emit(ended)

    def failed(self, error: SweAgentError) -> None:
        """It ended by an error, which goes into the result."""
        if isinstance(error, SandboxLost):
            error = SandboxError(error.message, hint=error.hint)
        self.error = self.error or error
        self.end(Ended(status="budget" if isinstance(error, BudgetExhausted) else "failed", reason=str(error)))

    def outcome(self) -> Outcome:
        """The result event, journalled."""
        ended = self.ended or Ended(status="failed", reason="ended without a word")
        state = self.session.state
        status = "error" if self.error else status_of(ended, bool(self.patch.data), self.verification)
        exit_code = self.error.exit_code if self.error else _EXIT_CODES[status]
        result = Result(
            status=status,
            exit_code=exit_code,
            session_id=self.session.id,
            patch=self.patch.text,
            files=list(self.patch.files),
            verification=self.verification,
            strategy="+".join([self.strategy or self.task.settings.strategy, *(each.after for each in state.changes)]),
            attempts=max(state.attempts, state.candidates, 1),
            steps=state.steps,
            usage=state.usage,
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
            return why_unverified(self.verification) if self.patch.data else "nothing was changed"
        return ended.reason


def _backend_event(backend: Backend) -> BackendFound:
    server = backend.server
    return BackendFound(
        base_url=server.address.base_url,
        server=server.title,
        model=server.model,
        window=backend.window,
        window_held=server.window.held,
        window_asked=server.window.asked,
        window_trained=server.window.trained or backend.profile.window,
        tool_calling=backend.ladder().rung,
    )
