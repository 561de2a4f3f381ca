"""Parts of readers of JSON reports, which the code under test can write: values of any shape are read."""

from __future__ import annotations

import json
from typing import Any

from agent.code.tracebacks import locations_in
from agent.verify.reports.cases import MAX_MESSAGE, MAX_TEXT, Case, Status, bounded


def load(data: bytes | str) -> Any:
    """The value; None for what is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A number; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def case_of(name: str, status: Status, text: str, root: str, *, under: str = "", seconds: float | None = None) -> Case:
    """A case whose text is what the runner prints of it; `under` is the folder that paths in it begin at."""
    from agent.text import printable

    if status == "passed":
        return Case(name, status, seconds=seconds)
    text = printable(text[: 8 * MAX_TEXT]).strip("\n")
    message = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Case(
        name, status, message[:MAX_MESSAGE], bounded(text, MAX_TEXT), locations_in(text, root, under), seconds
    )  # fmt: skip
