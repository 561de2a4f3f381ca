"""Noticing that work makes no progress, by counting: edits that fail, and steps that change or find nothing.

Repeated calls are the subject of agent/recovery/stuck.py. To add another way of making no progress: a kind in
`StallKind`, its limits in `LIMITS`, its count in `ProgressMonitor.end_step`, its words in `Stall.reason` (for the user)
and in the templates `nudge_no_progress` and `nudge_change_approach` (for the model).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.recovery.call_signature import normalize
from agent.recovery.stuck import Stage

StallKind = Literal["failed", "idle", "unedited"]
"""`failed`: edits in a row that failed. `idle`: steps in a row that neither changed a file nor showed a line that had
not been seen before. `unedited`: steps in a row that changed no file, whatever they read. A change is one that leaves
the files in a state that they were never in before."""


class Limits(NamedTuple):
    """The counts at which the model is nudged, has to change its approach, and at which the session ends."""

    nudge: int
    change: int
    stop: int


LIMITS: dict[StallKind, Limits] = {"failed": Limits(3, 5, 8), "idle": Limits(8, 12, 16), "unedited": Limits(30, 45, 60)}
_MAX_KNOWN_LINES = 200_000
_MIN_LINE = 4  # characters; a shorter line is no information


def _is_informative(line: str) -> bool:
    return len(line.strip()) >= _MIN_LINE and not line.startswith("[...")  # a mark where text was left out


@dataclass(frozen=True)
class Stall:
    """Work that makes no progress. `count` is in edits for `failed`, else in steps."""

    kind: StallKind
    count: int
    stage: Stage

    @property
    def stop(self) -> bool:
        """Whether the session ends."""
        return self.stage == "stop"

    @property
    def reason(self) -> str:
        """A description for the user."""
        descriptions = {
            "failed": f"{self.count} edits in a row failed",
            "idle": f"{self.count} steps in a row changed nothing and found nothing new",
            "unedited": f"{self.count} steps in a row changed nothing",
        }
        return descriptions[self.kind]


class ProgressMonitor:
    """Counts edits and steps without progress. Each stage of a stall is reported once, until there is progress."""

    def __init__(self) -> None:
        self._known_lines: set[int] = set()
        self._failed_edits = 0
        self._counts: dict[StallKind, int] = dict.fromkeys(LIMITS, 0)
        self._reported: set[tuple[StallKind, Stage]] = set()
        self._found_new = False

    def observe(self, text: str, *, edit: bool, ok: bool) -> None:
        """Take an observation of the present step; `edit` says that its call was to change a file."""
        lines = {hash(line) for line in normalize(text).splitlines() if _is_informative(line)}
        self._found_new = self._found_new or bool(lines - self._known_lines)
        if len(self._known_lines) < _MAX_KNOWN_LINES:
            self._known_lines |= lines
        if edit:
            self._failed_edits = 0 if ok else self._failed_edits + 1

    def end_step(self, *, changed: bool) -> Stall | None:
        """End the step; returns the stall that the model is to be told of, or that ends the session, if any."""
        counts: dict[StallKind, int] = {
            "failed": self._failed_edits,
            "idle": 0 if changed or self._found_new else self._counts["idle"] + 1,
            "unedited": 0 if changed else self._counts["unedited"] + 1,
        }
        self._counts, self._found_new = counts, False
        self._reported = {(kind, stage) for kind, stage in self._reported if counts[kind]}
        for kind, limits in LIMITS.items():
            if counts[kind] >= limits.stop:
                return Stall(kind, counts[kind], "stop")
        for kind, limits in LIMITS.items():
            stage: Stage = "change" if counts[kind] >= limits.change else "nudge"
            if counts[kind] >= limits.nudge and (kind, stage) not in self._reported:
                self._reported.add((kind, stage))
                return Stall(kind, counts[kind], stage)
        return None
