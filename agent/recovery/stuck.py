"""Noticing that a session is stuck: calls that are repeated with the same result, alone or in a cycle.

A result that changes is progress, so polling is not counted; nor is a repeated call after the files came to a state
that they were never in before. Work that goes nowhere without repetition is counted by agent/recovery/progress.py.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from agent.recovery.call_signature import CallSignatures

WINDOW = 12
"""The number of latest calls among which the same call is counted."""
MAX_CYCLE = 6
"""Calls in a cycle."""
NUDGE_AT = 3
CHANGE_AT = 4
STOP_AT = 6
"""Times of the same call or cycle: the model is nudged, has to change its approach, and the session ends."""

Stage = Literal["", "nudge", "change", "stop"]
"""What to do: nothing, tell the model, demand another approach, end the session."""


class Repetition(NamedTuple):
    """How often a call was made of late, by itself or as a cycle of several calls, and what to do about it."""

    stage: Stage
    times: int
    cycle: int = 1


class StuckDetector:
    """Counts repeated calls of one session, whose repository is at the path `repo`.

    Equal calls in one reply count once, since they were not repeated in response to a result.
    """

    def __init__(self, repo: str = "") -> None:
        self._signatures = CallSignatures(repo)
        self._recent: deque[str] = deque(maxlen=MAX_CYCLE * STOP_AT)
        self._in_reply: set[str] = set()
        self._ever: set[str] = set()
        self._reported: set[tuple[Stage, frozenset[str]]] = set()
        self._new_call = False  # whether the reply has a call that may change files and was not made before

    def begin_reply(self) -> None:
        """Begin the calls of another reply."""
        self._in_reply = set()
        self._new_call = False

    def observe(self, name: str, arguments: str, result: str, *, ok: bool = True, reads: bool = False) -> Repetition:
        """Take a call with its result; `reads` says that it can't change files."""
        signature = self._signatures.signature(name, arguments, result, ok=ok)
        repeated_in_reply = signature in self._in_reply
        if not repeated_in_reply:
            self._new_call = self._new_call or not (reads or signature in self._ever)
            self._in_reply.add(signature)
            self._ever.add(signature)
            self._recent.append(signature)
        count = list(self._recent)[-WINDOW:].count(signature)
        if repeated_in_reply:
            return Repetition("", count)
        rounds, cycle = self._cycle()
        if rounds < count:
            rounds, cycle = count, [signature]
        return Repetition(self._stage(rounds, cycle), rounds, len(cycle))

    def files_changed(self) -> None:
        """The reply's calls left the files in a state that they were never in before.

        If one of its calls had not been made before, the counts begin anew: what was tried may be tried again.
        """
        if self._new_call:
            self._recent.clear()
            self._reported.clear()

    def _cycle(self) -> tuple[int, list[str]]:
        """The shortest cycle of different calls that ends now and was made at least twice, and how often it was."""
        recent = list(self._recent)
        for length in range(2, MAX_CYCLE + 1):
            cycle = recent[-length:]
            rounds = 1
            while recent[-length * (rounds + 1) : -length * rounds] == cycle:
                rounds += 1
            if rounds > 1 and len(set(cycle)) > 1:
                return rounds, cycle
        return 0, []

    def _stage(self, count: int, cycle: list[str]) -> Stage:
        """What to do at a count; each stage is reported once, until the counts begin anew."""
        if count >= STOP_AT:
            return "stop"
        stage: Stage = "change" if count >= CHANGE_AT else "nudge" if count >= NUDGE_AT else ""
        key = stage, frozenset(cycle)
        if not stage or key in self._reported:
            return ""
        self._reported.add(key)
        return stage
