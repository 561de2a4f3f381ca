"""Noticing a loop: the same call with the same result, whatever the model says in between."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import deque
from typing import Literal

WINDOW = 12
NUDGE_AT = 3
STOP_AT = 6

_VARYING = re.compile(r"(?<!\d)\d+\.\d+ ?s\b|in \d+(\.\d+)?s|0x[0-9a-f]+|\d{2}:\d{2}:\d{2}|/\d+-\d+\.log")


class StuckDetector:
    """Looks at calls and results, not at thoughts. A result that changes is progress, so polling is spared."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=WINDOW)

    @staticmethod
    def _key(name: str, arguments: str, result: str) -> str:
        with contextlib.suppress(json.JSONDecodeError):
            arguments = json.dumps(json.loads(arguments), sort_keys=True)
        normal = _VARYING.sub("#", result)
        return hashlib.sha256(f"{name}\0{arguments}\0{normal}".encode("utf-8", "replace")).hexdigest()

    def observe(self, name: str, arguments: str, result: str) -> tuple[Literal["", "nudge", "stop"], int]:
        """Take a call and its result; what to do about it, and how often it was seen of late."""
        key = self._key(name, arguments, result)
        self._recent.append(key)
        count = sum(1 for each in self._recent if each == key)
        if count >= STOP_AT:
            return "stop", count
        return ("nudge", count) if count == NUDGE_AT else ("", count)
