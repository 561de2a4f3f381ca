"""Which functions of the repository a Python script runs: the cause of what it shows is most likely in one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from importlib.resources import files

from sandbox.protocol import Sandbox
from tools.files import write_text

_SECONDS = 60.0
_MAX_FILES = 60
_MARK = "functions that ran: "
_PROFILER = "coverage_script.py"
_SCRIPT = "covered.py"


async def executed_functions(sandbox: Sandbox, script: str) -> frozenset[tuple[str, int]]:
    """The functions that a script runs, as path and first line, with its decorators; empty where that is unknown.

    Raises `SandboxLost`.
    """
    private = sandbox.workspace.private
    await write_text(sandbox, private / _SCRIPT, script)
    await write_text(sandbox, private / _PROFILER, files(__package__).joinpath(_PROFILER).read_text("utf-8"))
    command = f"PYTHONDONTWRITEBYTECODE=1 python3 ../{private.name}/{_PROFILER} ../{private.name}/{_SCRIPT} '{_MARK}'"
    ran = await sandbox.exec(command, timeout=_SECONDS, capture=1 << 20)
    _, mark, places = ran.output.text().rpartition(_MARK)
    if not (mark and ran.ok):
        return frozenset()
    try:
        return frozenset((str(path), int(line)) for path, line in json.loads(places))
    except (ValueError, TypeError):
        return frozenset()


def files_of(executed: Collection[tuple[str, int]]) -> set[str]:
    """The files of functions that ran, at most 60: those with the most of them."""
    return {path for path, _ in Counter(path for path, _ in executed).most_common(_MAX_FILES)}
