"""`run_tests` runs the session's test command, whole or on one target."""

from __future__ import annotations

import json
from pathlib import Path

import anyio

from agent.verify.suite import TestRunner
from sandbox.local import LocalSandbox
from tools.base import Observation, ToolContext
from tools.registry import Registry


def run_tests(
    directory: Path, command: str, *calls: dict[str, object], limit: float = 60.0, tokens: int = 10_000
) -> list[Observation]:
    """Make calls of run_tests in a sandbox whose repository's test command is `command`; empty is none."""

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            context = ToolContext(sandbox, tokens, test_command=command)
            if command:
                context.run_tests = TestRunner(sandbox, command, timeout=limit).execute
            return [await Registry().run(context, "run_tests", json.dumps(call)) for call in calls]
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_the_command_its_output_and_its_end_are_shown(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "echo 2 passed", {})
    assert seen.ok and seen.text == "$ echo 2 passed\n2 passed\n[exit code 0]"
    assert seen.meta["exit_code"] == 0


def test_failing_tests_are_no_success(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "echo 1 failed; false", {})
    assert not seen.ok and seen.text.endswith("1 failed\n[exit code 1]")


def test_a_target_is_given_to_the_command_as_one_word(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "printf '<%s>\\n' all", {"target": "t.py::test_a[x y]; rm -rf ."})
    assert "<all>\n<t.py::test_a[x y]; rm -rf .>\n" in seen.text
    assert seen.text.startswith("$ printf '<%s>\\n' all t.py::test_a[x y]; rm -rf .\n")


def test_the_tests_do_not_move_the_models_shell(tmp_path: Path) -> None:
    first, second = run_tests(tmp_path, "pwd; cd /; export LOST=1; echo ${LOST-unset}", {}, {})
    assert first.text == second.text and "/repo\n" in second.text


def test_a_limit_of_the_models_is_kept(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "sleep 60", {"timeout_seconds": 0.1})
    assert not seen.ok and seen.text.endswith("[killed: it ran longer than 0.1 s]")


def test_the_models_limit_can_not_exceed_the_sessions(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "sleep 60", {"timeout_seconds": 600}, limit=0.1)
    assert not seen.ok and seen.meta["ended"] == "timeout"


def test_long_output_is_bounded(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "seq 1 10000", {}, tokens=100)
    assert len(seen.text) < 500 and seen.text.endswith("10000\n[exit code 0]")


def test_without_a_test_command_the_shell_is_pointed_to(tmp_path: Path) -> None:
    (seen,) = run_tests(tmp_path, "", {})
    assert seen == Observation("no test command is known for this repository; use the shell tool", ok=False)
