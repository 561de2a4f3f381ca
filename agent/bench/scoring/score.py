"""Scores a patch: the deciding tests, in a fresh copy of the repository, in a sandbox like the session's."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import anyio

from agent.bench.datasets.functions import RAN_THROUGH
from agent.bench.datasets.tasks import BenchTask
from agent.bench.scoring.outcomes import judge, read_tests
from agent.config import Settings
from agent.environment.run_setup import run_setup_command
from agent.errors import SandboxError
from agent.repo.host import HostRepository
from agent.text import printable, truncate
from sandbox import ExecResult, Sandbox, open_sandbox
from sandbox.network.allowed import AllowedHosts
from sandbox.snapshots import Snapshots

_MAX_OUTPUT_BYTES = 8 << 20
_MAX_LOG_TOKENS = 50_000
_MAX_NAMES = 5


@dataclass(frozen=True)
class Score:
    """The verdict on a patch.

    `reason` says why it is not solved, `log` what was run and printed. `fail_to_pass` is how many tests had to pass.
    """

    solved: bool
    reason: str = ""
    log: str = ""
    fail_to_pass: int = 0
    still_failing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


async def score(
    task: BenchTask,
    repository: HostRepository,
    patch: bytes,
    settings: Settings,
    *,
    setup: str = "",
    name: str,
    directory: Path,
) -> Score:
    """Score a patch.

    `setup` is the setup command the session used, for a task that names none. `name` is the sandbox's name, `directory`
    its workspace, removed afterwards. Raises `SandboxError`s, also when the task's own setup fails: neither says
    anything of the patch.
    """
    log: list[str] = []
    try:
        allowed = AllowedHosts.of(settings.allow_hosts)
        async with open_sandbox(
            settings.sandbox, name=name, directory=directory, image=settings.image, allowed=allowed
        ) as sandbox:
            await Snapshots(sandbox).begin(await anyio.to_thread.run_sync(repository.tar))
            await _set_up(task, setup, sandbox, settings, log)
            if not await _apply(sandbox, patch, "the patch", log, without=task.test_files):
                return Score(False, "the patch does not apply", "".join(log))
            if task.hidden:
                return await _hidden(task, sandbox, settings, log)
            if task.test_patch and not await _apply(sandbox, task.test_patch.encode(), "the task's tests", log):
                return Score(False, "the task's tests don't apply on top of the patch", "".join(log))
            return await _named_tests(task, sandbox, settings, log)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _set_up(task: BenchTask, found: str, sandbox: Sandbox, settings: Settings, log: list[str]) -> None:
    if settings.network == "allow":
        await sandbox.network(True)
    command = task.setup or found
    if not command:
        return
    result = await run_setup_command(sandbox, command, settings.network)
    _note(log, "setup", command, result)
    if not result.ok and task.setup:
        detail = printable(result.output.text()).strip()[-300:]
        raise SandboxError(f"the task's setup failed with exit code {result.exit_code}: {detail}")


async def _apply(sandbox: Sandbox, patch: bytes, what: str, log: list[str], without: list[str] | None = None) -> bool:
    """Apply a patch, except for the paths in `without`; whether it applied."""
    left_out = ["--exclude=" + re.sub(r"([*?[\\])", r"\\\1", path) for path in without or []]  # a path, not a pattern
    command = f"GIT_CONFIG_GLOBAL=/dev/null git apply --whitespace=nowarn {shlex.join(left_out)} -"
    result = await sandbox.exec(command, stdin=patch, timeout=600)
    _note(log, f"applying {what}", command, result)
    return result.ok


def _test_command(task: BenchTask) -> str:
    if task.test:
        return task.test
    files = [path for path in task.test_files if path.endswith(".py")]
    return f"python3 -m pytest -rA -p no:cacheprovider --color=no {shlex.join(files)}".strip()


async def _named_tests(task: BenchTask, sandbox: Sandbox, settings: Settings, log: list[str]) -> Score:
    """FAIL_TO_PASS must pass and PASS_TO_PASS must not be broken."""
    timeout = task.test_timeout or settings.test_timeout
    tests: dict[str, bool] = {}
    ended = ""
    for command in filter(None, (_test_command(task), task.test_more)):
        if tests and all(name in tests for name in task.fail_to_pass):
            break
        result = await sandbox.exec(command, timeout=timeout, capture=_MAX_OUTPUT_BYTES)
        _note(log, "the deciding tests", command, result)
        if result.ended == "timeout":
            ended = f"the deciding tests did not end within {timeout:.0f} s"
        tests = read_tests(printable(result.output.text())) | tests
    judged = judge(tests, task.fail_to_pass, task.pass_to_pass)
    reasons = [ended] if ended else []
    if not tests and not ended:
        reasons.append("the deciding tests gave no results")
    elif judged.still_failing:
        reasons.append(f"still failing: {_some(judged.still_failing)}")
    if tests and judged.broken:
        reasons.append(f"broken: {_some(judged.broken)}")
    return Score(
        judged.solved and bool(tests),
        "; ".join(reasons),
        "".join(log),
        len(task.fail_to_pass),
        judged.still_failing,
        judged.broken,
    )


async def _hidden(task: BenchTask, sandbox: Sandbox, settings: Settings, log: list[str]) -> Score:
    """The hidden script must run to its end."""
    timeout = min(task.test_timeout or settings.test_timeout, settings.test_timeout)
    for path, text in task.hidden.items():
        await sandbox.exec(f"cat >{shlex.quote(path)}", stdin=text.encode(), timeout=60)
    command = f"python3 {shlex.join(task.hidden)}"
    result = await sandbox.exec(command, timeout=timeout, capture=64 << 10)
    _note(log, "the hidden test", command, result)
    if result.ok and result.output.text().rstrip().endswith(RAN_THROUGH):
        return Score(True, "", "".join(log), 1)
    why = f"did not end within {timeout:.0f} s" if result.ended == "timeout" else "fails"
    return Score(False, f"the hidden test {why}", "".join(log), 1, tuple(task.hidden))


def _note(log: list[str], what: str, command: str, result: ExecResult) -> None:
    output = truncate(printable(result.output.text()), _MAX_LOG_TOKENS)
    ended = f"exit code {result.exit_code}" if result.ended == "exited" else result.ended
    log.append(f"# {what}: {ended} after {result.seconds:.1f} s\n$ {command}\n{output.rstrip()}\n\n")


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more
