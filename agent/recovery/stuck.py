"""Noticing that work goes nowhere: the same call with the same result, edits that fail, steps without anything new.

Calls and results are looked at, never thoughts. A result that changes is progress, so polling is spared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Literal

WINDOW = 12
NUDGE_AT = 3
STOP_AT = 6

Lack = Literal["failed", "idle", "unedited"]
"""Edits that failed, one after the other; steps in which nothing was changed and no line was seen that had not been
seen before; steps in which nothing was changed, whatever was read."""
LIMITS: dict[Lack, tuple[int, int]] = {"failed": (3, 8), "idle": (8, 16), "unedited": (30, 60)}
"""When the model is told of a lack, and when it is the end."""
_KNOWN_LINES = 200_000
_LEAST_LINE = 4  # characters; a shorter line is no information

_VARYING = re.compile(r"(?<!\d)\d+\.\d+ ?s\b|in \d+(\.\d+)?s|0x[0-9a-f]+|\d{2}:\d{2}:\d{2}|/\d+-\d+\.log")


def _informs(line: str) -> bool:
    return len(line.strip()) >= _LEAST_LINE and not line.startswith("[...")  # where something was left out


class StuckDetector:
    """Looks at calls and results. What one reply calls twice counts once: it was not repeated for want of better."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=WINDOW)
        self._reply: set[str] = set()

    def begin(self) -> None:
        """Another reply's calls begin."""
        self._reply = set()

    @staticmethod
    def _key(name: str, arguments: str, result: str) -> str:
        with contextlib.suppress(json.JSONDecodeError):
            arguments = json.dumps(json.loads(arguments), sort_keys=True)
        normal = _VARYING.sub("#", result)
        return hashlib.sha256(f"{name}\0{arguments}\0{normal}".encode("utf-8", "replace")).hexdigest()

    def observe(self, name: str, arguments: str, result: str) -> tuple[Literal["", "nudge", "stop"], int]:
        """Take a call and its result; what to do about it, and how often it was seen of late."""
        key = self._key(name, arguments, result)
        again = key in self._reply
        if not again:
            self._reply.add(key)
            self._recent.append(key)
        count = sum(1 for each in self._recent if each == key)
        if again:
            return "", count
        if count >= STOP_AT:
            return "stop", count
        return ("nudge", count) if count == NUDGE_AT else ("", count)


@dataclass(frozen=True)
class Standstill:
    """What is lacking; `count` is in steps, or in edits."""

    kind: Lack
    count: int
    stop: bool

    @property
    def reason(self) -> str:
        """In words for the user."""
        said = {
            "failed": f"{self.count} edits in a row failed",
            "idle": f"{self.count} steps in a row changed nothing and found nothing new",
            "unedited": f"{self.count} steps in a row changed nothing",
        }
        return said[self.kind]


class Progress:
    """Counts steps without a change or without news. Of each lack the model is told once, before it is the end."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._failed = 0
        self._counts: dict[Lack, int] = dict.fromkeys(LIMITS, 0)
        self._told: set[Lack] = set()
        self._news = False

    def observed(self, text: str, *, edit: bool, ok: bool) -> None:
        """Take an observation of this step; `edit` says that its call was to change a file."""
        lines = {hash(_VARYING.sub("#", line)) for line in text.splitlines() if _informs(line)}
        self._news = self._news or bool(lines - self._known)
        if len(self._known) < _KNOWN_LINES:
            self._known |= lines
        if edit:
            self._failed = 0 if ok else self._failed + 1

    def step(self, *, changed: bool) -> Standstill | None:
        """The step is over; what is lacking, when the model is to be told of it or it is the end."""
        counts: dict[Lack, int] = {
            "failed": self._failed,
            "idle": 0 if changed or self._news else self._counts["idle"] + 1,
            "unedited": 0 if changed else self._counts["unedited"] + 1,
        }
        self._counts, self._news = counts, False
        self._told = {kind for kind in self._told if counts[kind]}
        for kind, (nudge, stop) in LIMITS.items():
            if counts[kind] >= stop:
                return Standstill(kind, counts[kind], stop=True)
            if counts[kind] >= nudge and kind not in self._told:
                self._told.add(kind)
                return Standstill(kind, counts[kind], stop=False)
        return None
