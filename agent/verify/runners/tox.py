"""tox and nox, which mostly run pytest."""

from __future__ import annotations

from dataclasses import replace

from agent.verify.runners.base import START
from agent.verify.runners.pytest import PYTEST

TOX = replace(
    PYTEST,
    name="tox",
    command=rf"{START}(?:tox|nox)(?:\s|$)",
    shell_words="tox|nox",
    for_names=None,
    for_files=None,
    takes_arguments=False,
    may_not_sign=True,
)
