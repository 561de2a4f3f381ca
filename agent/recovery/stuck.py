"""Noticing that work goes nowhere: calls that are made again and again with the same result, alone or in turn.

A result that changes is progress, so polling is spared; so is the same call after the files came to a state that they
were never in before. What goes nowhere without repeating itself is counted by agent/recovery/progress.py.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from agent.recovery.call_signature import CallSignatures

WINDOW = 12
"""Calls that are looked back upon for the same one."""
LONGEST_CYCLE = 6
"""Calls of a cycle, at the most."""
NUDGE_AT = 3
CHANGE_AT = 4
STOP_AT = 6
"""Times of the same call, or of the same calls in turn: a word, another approach is demanded, the end."""

Stage = Literal["", "nudge", "change", "stop"]


class Repetition(NamedTuple):
    """What to do about a call, how often it was seen of late, and with how many others it takes turns."""

    stage: Stage
    times: int
    cycle: int = 1


class StuckDetector:
    """Looks at calls and results. What one reply calls twice counts once: it was not repeated for want of better."""

    def __init__(self, repo: str = "") -> None:
        self._signatures = CallSignatures(repo)
        self._recent: deque[str] = deque(maxlen=LONGEST_CYCLE * STOP_AT)
        self._reply: set[str] = set()
        self._made: set[str] = set()
        self._told: set[tuple[Stage, frozenset[str]]] = set()
        self._fresh = False

    def begin_reply(self) -> None:
        """Another reply's calls begin."""
        self._reply = set()
        self._fresh = False

    def observe(self, name: str, arguments: str, result: str, *, ok: bool = True, reads: bool = False) -> Repetition:
        """Take a call and its result; `reads` says that it can change nothing."""
        key = self._signatures.signature(name, arguments, result, ok=ok)
        again = key in self._reply
        if not again:
            self._fresh = self._fresh or not (reads or key in self._made)
            self._reply.add(key)
            self._made.add(key)
            self._recent.append(key)
        count = list(self._recent)[-WINDOW:].count(key)
        if again:
            return Repetition("", count)
        turn = self._turn()
        rounds, calls = turn if turn[0] >= count else (count, [key])
        return Repetition(self._stage(rounds, calls), rounds, len(calls))

    def files_changed(self) -> None:
        """The reply's calls left the files as they never were before.

        If one of them was not made before, what was tried so far may be tried again.
        """
        if self._fresh:
            self._recent.clear()
            self._told.clear()

    def _turn(self) -> tuple[int, list[str]]:
        """How often the last calls were made in the same turn, and that turn; the shortest that was made twice."""
        recent = list(self._recent)
        for length in range(2, LONGEST_CYCLE + 1):
            turn = recent[-length:]
            rounds = 1
            while recent[-length * (rounds + 1) : -length * rounds] == turn:
                rounds += 1
            if rounds > 1 and len(set(turn)) > 1:
                return rounds, turn
        return 0, []

    def _stage(self, count: int, calls: list[str]) -> Stage:
        """What to do at a count; a word is said once as long as nothing moves."""
        if count >= STOP_AT:
            return "stop"
        stage: Stage = "change" if count >= CHANGE_AT else "nudge" if count >= NUDGE_AT else ""
        said = stage, frozenset(calls)
        if not stage or said in self._told:
            return ""
        self._told.add(said)
        return stage
