"""The text of a reply to show while it streams: prose at once, nothing of what is or may become a call."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.model.dialects.base import TextCalls, Tools
from agent.model.dialects.families import PREFIXES
from agent.model.dialects.fences import BLANKS, CALL_LANGUAGES, FIRST_LINE, SHELL_LANGUAGES
from agent.model.dialects.parse import scan

_HOLD = (*PREFIXES, "\n{")
"""What a call begins with, in any markup or as bare JSON: `parse_text` begins one at nothing else."""
_END_OF_THOUGHT = "</think>"
_MARKS = (*_HOLD, "<think>", _END_OF_THOUGHT, "```")
_MARK = re.compile("|".join(re.escape(each) for each in _MARKS))
_FIRST_LINE = re.compile(FIRST_LINE)
_BLANKS = re.compile(BLANKS)


class CallStream:
    """Takes the text of one reply in pieces of any size.

    What `feed` returns and, after `finish`, `rest` make up the text before the first call, or all text outside thoughts
    where there is no call. A thought whose start tag is in the chat template is known by its end tag only: by then it
    has been shown.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._pieces: list[str] = []
        self._tail = ""  # may still become a call
        self._out: list[str] = []
        self._shown: list[str] = []  # since the last thought without a start tag
        self._is_blank = True
        self._scan_step = self._scan_prose
        self._is_held = False
        self._ticks = ""
        self._fences = 0
        self._held_fence: list[str] | None = None  # a first fence with a command, held back until a second one comes
        self.rest = ""

    def feed(self, piece: str) -> str:
        """Take a piece of the reply; returns the text that is certainly prose by now."""
        self._pieces.append(piece)
        if self._is_held:
            return ""
        self._tail += piece
        while self._scan_step():
            pass
        shown = "".join(self._out)
        self._out.clear()
        return shown

    def finish(self) -> TextCalls:
        """The calls of the whole reply, as `parse_text` finds them; sets `rest` to what was held back and is prose."""
        found = scan("".join(self._pieces), self._tools).result()
        shown = "".join(self._shown)
        self.rest = found.content[len(shown) :] if found.content.startswith(shown) else found.content
        return replace(found, content=found.content.strip())

    def _emit(self, text: str) -> None:
        if self._held_fence is not None:
            self._held_fence.append(text)
        else:
            self._out.append(text)
            self._shown.append(text)

    def _pass_text(self, count: int) -> None:
        """The first `count` characters of the tail are prose."""
        text, self._tail = self._tail[:count], self._tail[count:]
        self._is_blank = self._is_blank and not text.strip()
        self._emit(text)

    def _hold(self) -> bool:
        """Show nothing more: the rest may be a call."""
        self._is_held, self._tail = True, ""
        return False

    def _scan_prose(self) -> bool:
        """One step outside fences and thoughts; returns whether another may follow."""
        begins = len(self._tail) - len(self._tail.lstrip())
        if self._is_blank and self._tail[begins : begins + 1] in {"{", "["}:
            self._pass_text(begins)
            return self._hold()
        mark = _MARK.search(self._tail)
        if mark is None:
            self._pass_text(len(self._tail) - _partial_mark(self._tail, _MARKS))
            return False
        self._pass_text(mark.start())
        if mark[0] in _HOLD:
            return self._hold()
        if mark[0] == "```":
            return self._open_fence()
        self._tail = self._tail[len(mark[0]) :]
        if mark[0] == "<think>":
            self._scan_step = self._skip_thought
        else:
            self._discard_thought()
        return True

    def _discard_thought(self) -> None:
        """Everything shown so far was a thought."""
        self._shown.clear()
        self._is_blank, self._fences, self._held_fence = True, 0, None
        self._scan_step = self._scan_prose

    def _skip_thought(self) -> bool:
        end = self._tail.find(_END_OF_THOUGHT)
        if end < 0:
            self._tail = self._tail[-len(_END_OF_THOUGHT) :]
            return False
        self._tail = self._tail[end + len(_END_OF_THOUGHT) :]
        self._scan_step = self._scan_prose
        return True

    def _open_fence(self) -> bool:
        """At backticks: once their line is complete they open a fence or do not; once its body begins it may be a
        call."""
        line = _FIRST_LINE.match(self._tail)
        if line and line.end() == len(self._tail):
            return False
        if line is None or self._tail[line.end()] != "\n":
            self._count_fence()
            self._pass_text(len("```"))
            return True
        start = line.end() + 1
        language = line[2].lower()
        if language in CALL_LANGUAGES:
            blanks = _BLANKS.match(self._tail, start)
            body = blanks.end() if blanks else start
            if body == len(self._tail):
                return False
            if self._tail[body] in "{[<":
                return self._hold()
        self._count_fence()
        if self._fences == 1 and language in SHELL_LANGUAGES:
            self._held_fence = []
        self._ticks = line[1]
        self._pass_text(start)
        self._scan_step = self._scan_fence
        return True

    def _count_fence(self) -> None:
        """Count a fence; where there are two, neither is a call."""
        self._fences += 1
        if self._held_fence is not None:
            kept, self._held_fence = "".join(self._held_fence), None
            self._emit(kept)

    def _scan_fence(self) -> bool:
        closing = re.search(f"{self._ticks}|{_END_OF_THOUGHT}", self._tail)
        if closing is None:
            self._pass_text(len(self._tail) - _partial_mark(self._tail, (self._ticks, _END_OF_THOUGHT)))
            return False
        if closing[0] == _END_OF_THOUGHT:
            self._pass_text(closing.start())
            self._tail = self._tail[len(_END_OF_THOUGHT) :]
            self._discard_thought()
        else:
            self._pass_text(closing.end())
            self._scan_step = self._scan_prose
        return True


def _partial_mark(text: str, marks: tuple[str, ...]) -> int:
    """The number of characters at the end of `text` that may be the beginning of a mark."""
    longest = max(len(mark) for mark in marks) - 1
    return next(
        (
            count
            for count in range(min(longest, len(text)), 0, -1)
            if any(mark.startswith(text[-count:]) for mark in marks)
        ),
        0,
    )
