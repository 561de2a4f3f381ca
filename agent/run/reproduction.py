"""A script that shows the problem, run from outside the repository on the repository's code."""

from __future__ import annotations

from dataclasses import dataclass

from agent.run.context import RunContext
from agent.session.events import TestsRan
from sandbox.protocol import Sandbox
from tools.files import write_text

REPRODUCTION = "reproduction.py"
"""The script's file, in the sandbox's private directory beside the repository."""
TIME_LIMIT = 60.0
"""Seconds of one run."""


@dataclass(frozen=True)
class Reproduction:
    """A command that fails on the base commit and must pass, and the script that it runs."""

    command: str
    script: str


async def run_script(context: RunContext, sandbox: Sandbox, script: str, *, about: str = "") -> TestsRan:
    """Run a script on the code in a sandbox, journalled; `about` says what it checks. Raises `SandboxLost`."""
    assert context.tests is not None
    private = sandbox.workspace.private
    await write_text(sandbox, private / REPRODUCTION, script)
    # a relative path, since it is run again in another sandbox, whose directories may be others
    command = f'PYTHONPATH="$PWD:$PWD/src" python3 ../{private.name}/{REPRODUCTION}'
    ran = await context.tests.run("reproduction", command=command, about=about, limit=TIME_LIMIT)
    context.session.emit(ran)
    return ran
