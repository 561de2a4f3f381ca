"""Counting steps without a change or without news: what goes nowhere even though no call is made twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.recovery.call_signature import normalize
from agent.recovery.stuck import Stage

StallKind = Literal["failed", "idle", "unedited"]
"""Edits that failed, one after the other; steps in which nothing was changed and no line was seen that had not been
seen before; steps in which nothing was changed, whatever was read. A change is files as they never were before."""


class Limits(NamedTuple):
    """At which count the model is told of a lack, is to take another approach, and at which it is the end."""

    nudge: int
    change: int
    stop: int


LIMITS: dict[StallKind, Limits] = {"failed": Limits(3, 5, 8), "idle": Limits(8, 12, 16), "unedited": Limits(30, 45, 60)}
_KNOWN_LINES = 200_000
_LEAST_LINE = 4  # characters; a shorter line is no information


def _informs(line: str) -> bool:
    return len(line.strip()) >= _LEAST_LINE and not line.startswith("[...")  # where something was left out


@dataclass(frozen=True)
class Stall:
    """What is lacking; `count` is in steps, or in edits."""

    kind: StallKind
    count: int
    stage: Stage

    @property
    def stop(self) -> bool:
        """Whether it is the end."""
        return self.stage == "stop"

    @property
    def reason(self) -> str:
        """In words for the user."""
        said = {
            "failed": f"{self.count} edits in a row failed",
            "idle": f"{self.count} steps in a row changed nothing and found nothing new",
            "unedited": f"{self.count} steps in a row changed nothing",
        }
        return said[self.kind]


class ProgressMonitor:
    """Counts what is lacking. The model is told once, then once to take another approach, before it is the end."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._failed = 0
        self._counts: dict[StallKind, int] = dict.fromkeys(LIMITS, 0)
        self._told: set[tuple[StallKind, Stage]] = set()
        self._news = False

    def observe(self, text: str, *, edit: bool, ok: bool) -> None:
        """Take an observation of this step; `edit` says that its call was to change a file."""
        lines = {hash(line) for line in normalize(text).splitlines() if _informs(line)}
        self._news = self._news or bool(lines - self._known)
        if len(self._known) < _KNOWN_LINES:
            self._known |= lines
        if edit:
            self._failed = 0 if ok else self._failed + 1

    def end_step(self, *, changed: bool) -> Stall | None:
        """The step is over; what is lacking, when the model is to be told of it or it is the end."""
        counts: dict[StallKind, int] = {
            "failed": self._failed,
            "idle": 0 if changed or self._news else self._counts["idle"] + 1,
            "unedited": 0 if changed else self._counts["unedited"] + 1,
        }
        self._counts, self._news = counts, False
        self._told = {(kind, stage) for kind, stage in self._told if counts[kind]}
        for kind, limits in LIMITS.items():
            if counts[kind] >= limits.stop:
                return Stall(kind, counts[kind], "stop")
        for kind, limits in LIMITS.items():
            stage: Stage = "change" if counts[kind] >= limits.change else "nudge"
            if counts[kind] >= limits.nudge and (kind, stage) not in self._told:
                self._told.add((kind, stage))
                return Stall(kind, counts[kind], stage)
        return None
