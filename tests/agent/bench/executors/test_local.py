"""The executor on this machine: which session ends are results, which are infrastructure, and how one is ended."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import anyio
import pytest
from support import CALC

from agent.bench.datasets.tasks import BenchTask
from agent.bench.executors.base import Job
from agent.bench.executors.local import LocalExecutor
from agent.bench.results import TaskFailure, TaskResult
from agent.config import Settings
from agent.model.types import Usage
from agent.session.events import EVENT, Event, ModelReplied, Result, SandboxStarted, SetupRan


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def result(**fields: Any) -> Result:
    return Result.model_validate({"status": "no_patch", "exit_code": 1, "session_id": "s", "patch": "", **fields})


def scored(tmp_path: Path, *events: Event, setup: str = "") -> TaskResult | TaskFailure:
    """What the executor makes of a session that has ended with these events and has no patch."""
    task = BenchTask("one", "it subtracts", files=CALC, setup=setup, hidden={"h.py": ""})
    directory = tmp_path / "one"
    directory.mkdir()
    (directory / "events.jsonl").write_bytes(b"".join(EVENT.dump_json(event) + b"\n" for event in events))
    return anyio.run(LocalExecutor().run, Job(task, directory, UNREACHABLE))


UNREACHABLE = Settings(base_url="http://127.0.0.1:9/v1", sandbox="local")
STARTED = SandboxStarted(sandbox="local")


def test_a_session_that_ended_already_is_not_run_again(tmp_path: Path) -> None:
    found = scored(
        tmp_path,
        STARTED,
        ModelReplied(content="", usage=Usage(completion_tokens=7)),
        result(error="gave up", steps=1, usage={"completion_tokens": 7}),
    )
    assert isinstance(found, TaskResult)
    assert (found.status, found.solved, found.exit_code, found.steps) == ("no_patch", False, 1, 1)
    assert found.reason == "there is no patch; gave up"
    assert TaskResult.model_validate_json((tmp_path / "one" / "result.json").read_text()) == found
    assert not (tmp_path / "one" / "session.log").exists()


@pytest.mark.parametrize("exit_code", [1, 5])
def test_what_the_session_itself_came_to_is_a_result(tmp_path: Path, exit_code: int) -> None:
    status = {1: "no_patch", 5: "budget"}[exit_code]
    found = scored(tmp_path, STARTED, result(status=status, exit_code=exit_code))
    assert isinstance(found, TaskResult)
    assert (found.status, found.exit_code) == (status, exit_code)


def test_a_patch_that_the_host_refuses_is_a_result(tmp_path: Path) -> None:
    found = scored(tmp_path, STARTED, result(status="error", exit_code=6, error="the patch is refused"))
    assert isinstance(found, TaskResult)
    assert (found.status, found.reason) == ("error", "there is no patch; the patch is refused")


def test_a_task_that_hangs_is_ended_from_outside(tmp_path: Path) -> None:
    task = BenchTask("one", "it hangs", files=CALC, hidden={"h.py": ""}, overhead=1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a session's own limit counts from the model's answer
        base_url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        settings = Settings(base_url=base_url, sandbox="bubblewrap", time_limit=1.0)
        found = anyio.run(LocalExecutor().run, Job(task, tmp_path / "one", settings))
    assert isinstance(found, TaskResult)
    assert (found.status, found.solved, found.exit_code) == ("budget", False, 5)
    assert "did not end by itself within 2 s" in found.reason


def test_a_server_that_does_not_answer_is_infrastructure(tmp_path: Path) -> None:
    task = BenchTask("one", "it subtracts", files=CALC, hidden={"h.py": ""})
    found = anyio.run(LocalExecutor().run, Job(task, tmp_path / "one", UNREACHABLE))
    assert isinstance(found, TaskFailure)
    assert found.exit_code == 3 and "no model server answers" in found.reason
    assert not (tmp_path / "one" / "result.json").exists()


@pytest.mark.parametrize("setup", ["make", ""], ids=["the task's", "a detected one"])
def test_only_a_setup_that_the_task_names_makes_its_failure_infrastructure(tmp_path: Path, setup: str) -> None:
    failed = SetupRan(command="make", exit_code=7, seconds=1, output="no disk")
    found = scored(tmp_path, STARTED, failed, result(), setup=setup)
    if setup:  # run once more, now without a server
        assert isinstance(found, TaskFailure) and found.exit_code == 3
    else:
        assert isinstance(found, TaskResult) and found.status == "no_patch"
