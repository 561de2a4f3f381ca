"""Django's test command, a unittest runner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.verify.runners.base import RunnerInfo
from agent.verify.runners.commands import with_arguments
from agent.verify.runners.script import sign_script
from agent.verify.runners.unittest import UNITTEST


def _for_names(command: str, info: RunnerInfo, names: Sequence[str]) -> str:
    return with_arguments(command, info, *names) if all(re.fullmatch(r"[\w.]+", name) for name in names) else ""


DJANGO = replace(
    UNITTEST,
    name="django",
    command=r"manage\.py\s+test(?:\s|$)",
    request=None,
    sign=sign_script,
    read_report=None,
    for_names=_for_names,
    for_files=None,
    verbose_lines=None,
)
