"""The shell scripts beside these modules, as text: a sandbox that runs them does not see the program's files."""

from __future__ import annotations

import importlib.resources
from functools import cache


@cache
def script(name: str) -> str:
    """The text of the script `sandbox/NAME`."""
    return importlib.resources.files("sandbox").joinpath(name).read_text("utf-8")
