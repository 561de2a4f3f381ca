"""A benchmark run as JSON lines on standard output: one for each task; the summary follows them."""

from __future__ import annotations

import json
import sys
from typing import TextIO

from agent.bench.events import BenchEvent, TaskFinished, TaskPrevented


class BenchJsonLines:
    """A subscriber that writes a line for each task with a result, or without one for infrastructure's sake."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def __call__(self, event: BenchEvent) -> None:
        """Write the event, if it is the end of a task."""
        match event:
            case TaskFinished(result):
                self._write({"kind": "task"} | result.model_dump(mode="json"))
            case TaskPrevented(failure):
                self._write({"kind": "failure"} | failure.model_dump(mode="json"))
            case _:
                pass

    def _write(self, data: dict[str, object]) -> None:
        self._out.write(json.dumps(data) + "\n")
        self._out.flush()
