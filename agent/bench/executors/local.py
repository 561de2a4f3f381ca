"""The executor on this machine: a process for each session, scoring in a sandbox like the session's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass

import anyio
from anyio.abc import Process

from agent.bench.datasets.repositories import task_repository
from agent.bench.directory import write_file
from agent.bench.executors.base import Job
from agent.bench.results import Status, TaskFailure, TaskResult
from agent.bench.scoring.score import Score, score
from agent.bench.session_record import SessionRecord, read_session_record
from agent.errors import JournalWriteFailed, SweAgentError
from agent.repo.host import HostRepository
from agent.session.directories import new_session_id

SHUTDOWN_SECONDS = 60.0
"""How long a session may take to remove its sandbox after SIGTERM, before it is killed."""

_REASON_CHARACTERS = 2000

# The settings that a session gets as options; the API key goes by the environment, which other users can't read.
_OPTIONS = (
    "model", "base_url", "context", "sandbox", "image", "network", "strategy", "attempts", "max_steps", "time_limit",
    "max_tokens", "seed", "temperature",
)  # fmt: skip


@dataclass(frozen=True)
class LocalExecutor:
    """Works on tasks on this machine. `shutdown_seconds` is how long a session may take to end after SIGTERM."""

    shutdown_seconds: float = SHUTDOWN_SECONDS

    async def run(self, job: Job) -> TaskResult | TaskFailure:
        """See `Executor.run`."""
        try:
            return await self._run(job)
        except JournalWriteFailed:
            raise
        except OSError as error:
            raise JournalWriteFailed(f"{job.directory} can't be written: {error}") from error
        except SweAgentError as error:
            return TaskFailure(instance_id=job.task.id, reason=str(error), exit_code=error.exit_code)
        except Exception as error:  # a bug of ours in one task is no reason to lose the others
            write_file(job.directory / "crash.txt", traceback.format_exc())
            return TaskFailure(instance_id=job.task.id, reason=f"internal error: {error!r}", exit_code=1)

    async def _run(self, job: Job) -> TaskResult | TaskFailure:
        job.directory.mkdir(parents=True, exist_ok=True)
        path = job.directory / "repository"
        repository = await anyio.to_thread.run_sync(task_repository, job.task, path, job.repositories)
        session = read_session_record(job.directory / "events.jsonl")  # there already if scoring was killed
        if session.result is None or session.result.status == "interrupted" or _infrastructure_failure(session, job):
            session = await self._run_session(job, repository)
        if failure := _infrastructure_failure(session, job):
            return failure
        patch = _patch(job, session)
        started = time.monotonic()
        verdict = await self._score(job, repository, patch, session.setup)
        result = _task_result(job, session, verdict, time.monotonic() - started)
        write_file(job.directory / "scoring.log", verdict.log)
        write_file(job.directory / "result.json", result.model_dump_json(indent=2) + "\n")
        return result

    async def _score(self, job: Job, repository: HostRepository, patch: bytes, setup: str) -> Score:
        if not patch:
            return Score(False, "there is no patch")
        return await score(
            job.task,
            repository,
            patch,
            job.settings,
            setup=setup,
            name=f"{new_session_id()}-score",
            directory=job.directory / "scoring",
        )

    async def _run_session(self, job: Job, repository: HostRepository) -> SessionRecord:
        """Run the session until it ends, or until it exceeds its time limit and the task's overhead."""
        events = job.directory / "events.jsonl"
        write_file(job.directory / "issue.md", job.task.issue)
        (job.directory / "patch.diff").unlink(missing_ok=True)
        limit = job.settings.time_limit
        timeout = limit + job.task.overhead if limit else None
        started = time.monotonic()
        with events.open("wb") as out, (job.directory / "session.log").open("wb") as log:
            process = await anyio.open_process(
                _command(job, repository),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=_environment(job),
                start_new_session=True,  # Ctrl-C in the terminal is for the run to deal with
            )
            with anyio.move_on_after(timeout) as scope:
                try:
                    await process.wait()
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._end(process)
        seconds = time.monotonic() - started
        exceeded = timeout if scope.cancelled_caught else None
        return read_session_record(events).with_exit(process.returncode, seconds, timeout=exceeded)

    async def _end(self, process: Process) -> None:
        """End a session that still runs: by SIGTERM, then its process group by SIGKILL."""
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with anyio.move_on_after(self.shutdown_seconds):
                await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _command(job: Job, repository: HostRepository) -> list[str]:
    child = [sys.executable, "-m", "agent.bench.executors.child", str(os.getpid())]
    session = ["fix", "--json", "--output", "patch", "--issue", str(job.directory / "issue.md")]
    session += ["--repo", str(repository.directory), "--base", repository.commit]
    given = {name: getattr(job.settings, name) for name in _OPTIONS}
    given |= {"patch_file": job.directory / "patch.diff"}  # its bytes as they are
    given |= {"setup": job.task.setup or None, "test": job.task.test or None}
    # --name=value: a value may begin with a dash
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    return [*child, *session, *flags]


def _patch(job: Job, session: SessionRecord) -> bytes:
    """The session's patch, empty for none; it is written to `patch.diff` where the session did not."""
    path = job.directory / "patch.diff"
    if not path.exists():
        write_file(path, session.result.patch if session.result else "")
    return path.read_bytes()


def _environment(job: Job) -> dict[str, str]:
    environment = dict(os.environ)
    if job.settings.api_key:
        environment["SWE_AGENT_API_KEY"] = job.settings.api_key
    environment["SWE_AGENT_TEST_TIMEOUT"] = str(_test_timeout(job))
    environment["SWE_AGENT_KEEP_WORKSPACE"] = "false"  # a run resumes by whole tasks
    return environment


def _test_timeout(job: Job) -> float:
    own: float = job.settings.test_timeout
    return min(job.task.test_timeout or own, own)


def _infrastructure_failure(session: SessionRecord, job: Job) -> TaskFailure | None:
    """Why the session says nothing of the model: the server, the sandbox, the setup or the repository failed."""
    result = session.result
    if result is None:
        # a crash during the work is a bug of ours and counts as a result; one before it says nothing of the task
        if session.sandbox_started or session.timed_out:
            return None
        return TaskFailure(instance_id=job.task.id, reason=session.process_error, exit_code=1)
    if session.setup_error and job.task.setup:
        reason = f"the task's setup failed: {session.setup_error}"
        return TaskFailure(instance_id=job.task.id, reason=reason, exit_code=4)
    # once the sandbox has the repository, only the patch can be refused with exit code 6: that is a result
    if result.exit_code in {2, 3, 4} or (result.exit_code == 6 and not session.sandbox_started):
        return TaskFailure(instance_id=job.task.id, reason=result.error or result.status, exit_code=result.exit_code)
    return None


def _task_result(job: Job, session: SessionRecord, verdict: Score, scoring_seconds: float) -> TaskResult:
    result = session.result
    status: Status = "error"
    if session.timed_out:
        status = "budget"
    elif result is not None and result.status != "interrupted":
        status = result.status
    reason = verdict.reason
    if not verdict.solved:
        error = session.process_error or (result.error if result else None) or ""
        reason = "; ".join(part for part in (reason, error) if part)
    return TaskResult(
        instance_id=job.task.id,
        status=status,
        solved=verdict.solved,
        reason=reason[:_REASON_CHARACTERS],
        exit_code=5 if session.timed_out else result.exit_code if result else 1,
        session_id=result.session_id if result else "",
        model=session.model,
        strategy=result.strategy if result else "",
        files=result.files if result else [],
        verification=result.verification if result else None,
        attempts=result.attempts if result else 0,
        steps=result.steps if result else 0,
        usage=result.usage if result else session.usage,
        seconds=round(session.seconds or (result.seconds.total if result else 0.0), 3),
        scoring_seconds=round(scoring_seconds, 3),
        still_failing=list(verdict.still_failing),
        broken=list(verdict.broken),
    )
