"""Showing a reply while it comes: the prose at once, nothing of what is or may become a call."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.model.dialects.base import TextCalls, Tools
from agent.model.dialects.fences import BLANKS, CALL_LANGUAGES, FIRST_LINE, SHELL_LANGUAGES
from agent.model.dialects.parse import scan

_HOLD = ("<tool", "<function", "<invoke", "<|", "<｜", "[TOOL_CALLS]", "to=functions.", "</tool_call>", "\n{")
"""What the markup of every dialect begins with: `parse` begins a call at nothing else."""
_END_OF_THOUGHT = "</think>"
_MARKS = (*_HOLD, "<think>", _END_OF_THOUGHT, "```")
_MARK = re.compile("|".join(re.escape(each) for each in _MARKS))
_FIRST_LINE = re.compile(FIRST_LINE)
_BLANKS = re.compile(BLANKS)


class CallStream:
    """The text of one reply, in pieces of any size.

    What `feed` gives and, after `finish`, `rest` make up the text before the first call, or all text outside thoughts
    where there is no call. A thought whose beginning the chat template wrote is known by its end only: what came of
    it is shown by then.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._pieces: list[str] = []
        self._tail = ""  # what came and is not settled yet
        self._out: list[str] = []
        self._shown: list[str] = []  # since the last thought without a beginning
        self._blank = True
        self._step = self._prose
        self._held = False
        self._ticks = ""
        self._fences = 0
        self._kept: list[str] | None = None  # a first fence that is a command, until a second one comes
        self.rest = ""

    def feed(self, piece: str) -> str:
        """Take a piece of the reply; the text that is now certainly prose."""
        self._pieces.append(piece)
        if self._held:
            return ""
        self._tail += piece
        while self._step():
            pass
        shown = "".join(self._out)
        self._out.clear()
        return shown

    def finish(self) -> TextCalls:
        """The calls of the whole reply, as `parse_text` finds them; `rest` is what was held back and is prose."""
        found = scan("".join(self._pieces), self._tools).outcome()
        shown = "".join(self._shown)
        self.rest = found.content[len(shown) :] if found.content.startswith(shown) else found.content
        return replace(found, content=found.content.strip())

    def _say(self, text: str) -> None:
        if self._kept is not None:
            self._kept.append(text)
        else:
            self._out.append(text)
            self._shown.append(text)

    def _pass(self, count: int) -> None:
        """So many characters of the tail are prose."""
        text, self._tail = self._tail[:count], self._tail[count:]
        self._blank = self._blank and not text.strip()
        self._say(text)

    def _hold(self) -> bool:
        """Nothing more is certain."""
        self._held, self._tail = True, ""
        return False

    def _prose(self) -> bool:
        """One step outside fences and thoughts; whether another may follow."""
        begins = len(self._tail) - len(self._tail.lstrip())
        if self._blank and self._tail[begins : begins + 1] in {"{", "["}:
            self._pass(begins)
            return self._hold()
        mark = _MARK.search(self._tail)
        if mark is None:
            self._pass(len(self._tail) - _unsettled(self._tail, _MARKS))
            return False
        self._pass(mark.start())
        if mark[0] in _HOLD:
            return self._hold()
        if mark[0] == "```":
            return self._open()
        self._tail = self._tail[len(mark[0]) :]
        if mark[0] == "<think>":
            self._step = self._thought
        else:
            self._forget()
        return True

    def _forget(self) -> None:
        """What was shown so far was a thought."""
        self._shown.clear()
        self._blank, self._fences, self._kept = True, 0, None
        self._step = self._prose

    def _thought(self) -> bool:
        end = self._tail.find(_END_OF_THOUGHT)
        if end < 0:
            self._tail = self._tail[-len(_END_OF_THOUGHT) :]
            return False
        self._tail = self._tail[end + len(_END_OF_THOUGHT) :]
        self._step = self._prose
        return True

    def _open(self) -> bool:
        """Ticks: once their line is whole they begin a fence, or are just ticks; once its body begins it may be a
        call."""
        line = _FIRST_LINE.match(self._tail)
        if line and line.end() == len(self._tail):
            return False
        if line is None or self._tail[line.end()] != "\n":
            self._count()
            self._pass(len("```"))
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
        self._count()
        if self._fences == 1 and language in SHELL_LANGUAGES:
            self._kept = []
        self._ticks = line[1]
        self._pass(start)
        self._step = self._fence
        return True

    def _count(self) -> None:
        """One more fence; where there are two, neither is a call."""
        self._fences += 1
        if self._kept is not None:
            kept, self._kept = "".join(self._kept), None
            self._say(kept)

    def _fence(self) -> bool:
        closing = re.search(f"{self._ticks}|{_END_OF_THOUGHT}", self._tail)
        if closing is None:
            self._pass(len(self._tail) - _unsettled(self._tail, (self._ticks, _END_OF_THOUGHT)))
            return False
        if closing[0] == _END_OF_THOUGHT:
            self._pass(closing.start())
            self._tail = self._tail[len(_END_OF_THOUGHT) :]
            self._forget()
        else:
            self._pass(closing.end())
            self._step = self._prose
        return True


def _unsettled(text: str, marks: tuple[str, ...]) -> int:
    """How many characters at the end of `text` may be the beginning of a mark."""
    longest = max(len(mark) for mark in marks) - 1
    return next(
        (
            count
            for count in range(min(longest, len(text)), 0, -1)
            if any(mark.startswith(text[-count:]) for mark in marks)
        ),
        0,
    )
