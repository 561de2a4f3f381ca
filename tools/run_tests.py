"""`run_tests`: the repository's tests, by the command the session found or was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from sandbox.protocol import ExecResult
from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.shell import command_observation, describe_ending


@dataclass(frozen=True)
class TestResult(ExecResult):
    """A run of the tests.

    `digest` describes the failures in at most about the given number of tokens; None if none are known. `failing`
    identifies the set of failing tests: it is equal for equal sets, and empty if no test is named.
    """

    __test__ = False
    digest: Callable[[int], str] | None = None
    failing: str = ""


class RunTestsArguments(Arguments):
    """Arguments of `run_tests`."""

    target: str | None = Field(None, description="a test file or test to run alone; default all")
    timeout_seconds: float | None = Field(None, description="limit in seconds", gt=0, le=7200)


class RunTests:
    """Runs the tests."""

    name: ClassVar[str] = "run_tests"
    description: ClassVar[str] = "Run the repository's tests, all of them or one target."
    arguments: ClassVar[type[Arguments]] = RunTestsArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: RunTestsArguments) -> Observation:
        """The command, its failures or what it printed, and how it ended."""
        if context.run_tests is None or not context.test_command:
            raise ToolError("no test command is known for this repository; use the shell tool")
        result = await context.run_tests(arguments.target, arguments.timeout_seconds)
        seen = command_observation(result, context.observation_tokens, arguments.timeout_seconds)
        target = f" {arguments.target}" if arguments.target else ""
        text, meta = seen.text, seen.meta
        if isinstance(result, TestResult):
            meta = meta | {"failing": result.failing}
            if result.digest is not None:
                failures = result.digest(context.observation_tokens)
                end = describe_ending(result, arguments.timeout_seconds)
                text = f"{failures}\n[{end}; the whole output is in {result.saved}]"
        return Observation(f"$ {context.test_command}{target}\n{text}", seen.ok, meta)
