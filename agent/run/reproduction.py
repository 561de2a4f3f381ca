"""Runs a script that shows the problem, from outside the repository."""

from __future__ import annotations

from agent.run.context import Work
from agent.session.events import TestsRan
from tools.files import write_text

REPRODUCTION = "reproduction.py"  # its file, outside the repository


_SECONDS = 60.0


async def run_script(work: Work, script: str, *, about: str = "") -> TestsRan:
    """Run a script that lies outside the repository on the repository's code; `about` says what it checks."""
    assert work.tests is not None
    place = work.sandbox.workspace.private / REPRODUCTION
    # by what lies where it runs, since it is run again in another sandbox, whose places may be others
    near = f"../{work.sandbox.workspace.private.name}/{REPRODUCTION}"
    await write_text(work.sandbox, place, script)
    command = f'PYTHONPATH="$PWD:$PWD/src" python3 {near}'
    ran = await work.tests.run("reproduction", command=command, about=about, limit=_SECONDS)
    work.session.emit(ran)
    return ran
