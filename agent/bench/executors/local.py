"""The executor on this machine: the session in a process of its own, its scoring in a sandbox like the session's."""

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
from agent.bench.directory import write_whole
from agent.bench.executors.base import Job
from agent.bench.record import Failure, Record, Status
from agent.bench.scoring.score import Score, score
from agent.bench.transcripts import Told, read_told
from agent.errors import JournalWriteFailed, SweAgentError
from agent.repo.host import HostRepository
from agent.session.directories import new_session_id

TIDY_SECONDS = 60.0
"""How long a session that was told to end may take to put its sandbox away."""

# Of the settings those that a session is told by flags; the key goes by the environment, which others can't read.
_FLAGS = (
    "model", "base_url", "context", "sandbox", "image", "network", "strategy", "attempts", "max_steps", "time_limit",
    "max_tokens", "seed", "temperature",
)  # fmt: skip


@dataclass(frozen=True)
class LocalExecutor:
    """Works on tasks on this machine. `tidy_seconds` is what a session gets to end in good order."""

    tidy_seconds: float = TIDY_SECONDS

    async def run(self, job: Job) -> Record | Failure:
        """See `Executor.run`."""
        try:
            return await self._run(job)
        except JournalWriteFailed:
            raise
        except OSError as error:
            raise JournalWriteFailed(f"{job.directory} can't be written: {error}") from error
        except SweAgentError as error:
            return Failure(instance_id=job.task.id, reason=str(error), exit_code=error.exit_code)
        except Exception as error:  # a mistake of ours with one task is no reason to lose the others
            write_whole(job.directory / "crash.txt", traceback.format_exc())
            return Failure(instance_id=job.task.id, reason=f"internal error: {error!r}", exit_code=1)

    async def _run(self, job: Job) -> Record | Failure:
        job.directory.mkdir(parents=True, exist_ok=True)
        place = job.directory / "repository"
        repository = await anyio.to_thread.run_sync(task_repository, job.task, place, job.repositories)
        told = read_told(job.directory / "events.jsonl")  # a run that was killed while scoring has it already
        if told.result is None or told.result.status == "interrupted" or _prevented(told, job):
            told = await self._session(job, repository)
        if failure := _prevented(told, job):
            return failure
        patch = _patch(job, told)
        started = time.monotonic()
        verdict = await self._score(job, repository, patch, told.setup)
        record = _record(job, told, verdict, time.monotonic() - started)
        write_whole(job.directory / "scoring.log", verdict.log)
        write_whole(job.directory / "result.json", record.model_dump_json(indent=2) + "\n")
        return record

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

    async def _session(self, job: Job, repository: HostRepository) -> Told:
        """Run the session until it ends, or until its time is over by far; what it told."""
        events = job.directory / "events.jsonl"
        write_whole(job.directory / "issue.md", job.task.issue)
        (job.directory / "patch.diff").unlink(missing_ok=True)
        limit = job.settings.time_limit
        outside = limit + job.task.overhead if limit else None
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
            with anyio.move_on_after(outside) as watch:
                try:
                    await process.wait()
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._end(process)
        told = read_told(events)
        return told.ended(
            process.returncode, time.monotonic() - started, overdue=outside if watch.cancelled_caught else None
        )

    async def _end(self, process: Process) -> None:
        """End a session that still runs: in good order, or else for good."""
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with anyio.move_on_after(self.tidy_seconds):
                await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _command(job: Job, repository: HostRepository) -> list[str]:
    child = [sys.executable, "-m", "agent.bench.executors.child", str(os.getpid())]
    session = ["fix", "--json", "--output", "patch", "--issue", str(job.directory / "issue.md")]
    session += ["--repo", str(repository.directory), "--base", repository.commit]
    given = {name: getattr(job.settings, name) for name in _FLAGS}
    given |= {"patch_file": job.directory / "patch.diff"}  # its bytes as they are
    given |= {"setup": job.task.setup or None, "test": job.task.test or None}
    # --name=value: a value may begin with a dash
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    return [*child, *session, *flags]


def _patch(job: Job, told: Told) -> bytes:
    """The patch that came out, empty for none; it lies in its file then."""
    place = job.directory / "patch.diff"
    if not place.exists():
        write_whole(place, told.result.patch if told.result else "")
    return place.read_bytes()


def _environment(job: Job) -> dict[str, str]:
    environment = dict(os.environ)
    if job.settings.api_key:
        environment["SWE_AGENT_API_KEY"] = job.settings.api_key
    environment["SWE_AGENT_TEST_TIMEOUT"] = str(_test_timeout(job))
    environment["SWE_AGENT_KEEP_WORKSPACE"] = "false"  # a run goes on by whole tasks
    return environment


def _test_timeout(job: Job) -> float:
    own: float = job.settings.test_timeout
    return min(job.task.test_timeout or own, own)


def _prevented(told: Told, job: Job) -> Failure | None:
    """Why what was told is no result: the model's server, the sandbox, the setup or the repository failed."""
    result = told.result
    if result is None:
        # a crash in the midst of the work is a mistake of ours, and counts; one before it says nothing of the task
        return None if told.sandbox or told.overdue else Failure(instance_id=job.task.id, reason=told.why, exit_code=1)
    if told.setup_failed and job.task.setup:
        return Failure(instance_id=job.task.id, reason=f"the task's setup failed: {told.setup_failed}", exit_code=4)
    # once the sandbox has the repository, only the patch can break the forge's rules: that is a result
    if result.exit_code in {2, 3, 4} or (result.exit_code == 6 and not told.sandbox):
        return Failure(instance_id=job.task.id, reason=result.error or result.status, exit_code=result.exit_code)
    return None


def _record(job: Job, told: Told, verdict: Score, scoring_seconds: float) -> Record:
    result = told.result
    status: Status = "error"
    if told.overdue:
        status = "budget"
    elif result is not None and result.status != "interrupted":
        status = result.status
    reason = verdict.reason
    if not verdict.solved:
        why = told.why or (result.error if result else None) or ""
        reason = "; ".join(part for part in (reason, why) if part)
    return Record(
        instance_id=job.task.id,
        status=status,
        solved=verdict.solved,
        reason=reason[:2000],
        exit_code=5 if told.overdue else result.exit_code if result else 1,
        session_id=result.session_id if result else "",
        model=told.model,
        strategy=result.strategy if result else "",
        files=result.files if result else [],
        verification=result.verification if result else None,
        attempts=result.attempts if result else 0,
        steps=result.steps if result else 0,
        usage=result.usage if result else told.usage,
        seconds=round(told.seconds or (result.seconds.total if result else 0.0), 3),
        scoring_seconds=round(scoring_seconds, 3),
        still_failing=list(verdict.still_failing),
        broken=list(verdict.broken),
    )
