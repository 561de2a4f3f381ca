"""A Python script that is a test by its exit code, or runs tests by itself. It may run pytest, as `other` may."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.verify.runners.base import ReportRequest, RunnerInfo
from agent.verify.runners.commands import last_step
from agent.verify.runners.other import OTHER
from agent.verify.runners.pytest import request_by_environment

_SCRIPT = r"(?:^|[\s/])python[\d.]*(?:\s+-(?:[WX]\s*\S+|(?![mcWX]\b)\w+))*(?=\s+(?!-)\S+\.py(?:\s|$))"


def sign_script(command: str, info: RunnerInfo, folder: str) -> ReportRequest:
    """By a program that runs the script and signs that it came to its own end."""
    step = last_step(command)
    found = re.search(_SCRIPT, step)
    if found is None:
        return ReportRequest(command)
    before = command[: command.rindex(step)]
    named = f"{before}{step[: found.end()]} {folder}/swe_agent_script.py{step[found.end() :]}"
    return replace(request_by_environment(named, info, folder), program="swe_agent_script.py")


SCRIPT = replace(OTHER, name="script", command=_SCRIPT, sign=sign_script, is_python=True, may_not_sign=False)
