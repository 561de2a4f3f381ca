"""Finding the calls in a text: one scan from left to right, in which the outermost call wins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from agent.model.dialects import harmony, hermes
from agent.model.dialects.base import ParseContext, ParseResult, TextCalls, Tools
from agent.model.dialects.families import OPENERS, PARSERS
from agent.model.dialects.fences import Fence, parse_fence
from agent.model.dialects.json_text import skip_blanks
from agent.model.dialects.llama3 import parse_pythonic
from agent.model.dialects.objects import parse_objects
from agent.model.types import ToolCall

_MARK = re.compile(
    rf"{OPENERS}|(?P<think><think>)|(?P<unthink></think>)|(?P<fence>```)"
    rf"|(?P<orphan></tool_call>)|(?P<end_of_message>{harmony.END})"
)


def parse_text(text: str, tools: Tools) -> TextCalls:
    """The calls in `text`; `tools` maps names to their JSON schemas. Never raises for what a model wrote.

    Parsed are calls of known tools: in the markup of any dialect, where aliases from other harnesses count too; JSON,
    or calls in Python's syntax, at the beginning of the reply; a fence that is a call, when there is no other fence.
    What is in thoughts, in other fences, or inside another call is left alone. Takes time in proportion to the text.
    """
    found = scan(text, tools).result()
    return replace(found, content=found.content.strip())


@dataclass
class Scan:
    """The state of one scan, at index `at`; `visible` is the text outside thoughts and calls so far, in pieces."""

    context: ParseContext
    at: int = 0
    visible: list[str] = field(default_factory=list)
    has_text: bool = False
    """Whether anything visible was more than white space."""
    calls: list[ToolCall] = field(default_factory=list)
    dialect: str = ""
    text_before: str = ""
    """The visible text before the first call; while there is none, before the first fence."""
    unmarked: ParseResult | None = None
    """Calls without markup at the beginning of the reply."""
    fence: Fence | None = None
    """The first fence."""
    fences: int = 0

    def show(self, end: int) -> None:
        """Advance to `end`; the text up to there is visible."""
        piece = self.context.text[self.at : end]
        self.visible.append(piece)
        self.has_text = self.has_text or bool(piece.strip())
        self.at = max(self.at, end)

    def take(self, found: ParseResult) -> None:
        """Advance past what a parser found here."""
        if found.calls and not self.calls:
            self.dialect, self.text_before = found.dialect, "".join(self.visible)
        self.calls.extend(found.calls)
        if found.calls or found.hidden:
            self.at = found.end
        else:
            self.show(found.end)

    def pass_fence(self) -> None:
        """Advance past the fence that begins here."""
        fence = parse_fence(self.context, self.at)
        if not self.fences and not self.calls:
            self.fence, self.text_before = fence, "".join(self.visible)
        self.fences += 1
        self.show(fence.end)

    def discard_thought(self) -> None:
        """Everything so far was a thought: its start tag was in the chat template."""
        self.visible, self.has_text, self.calls, self.unmarked, self.fence, self.fences = [], False, [], None, None, 0

    def result(self) -> TextCalls:
        """The calls and the content, whose white space is kept."""
        if self.calls:
            return TextCalls(tuple(self.calls), self.dialect, self.text_before)
        if self.unmarked and not self.fences:
            return TextCalls(self.unmarked.calls, self.unmarked.dialect)
        if self.fence and self.fence.calls and self.fences == 1:
            return TextCalls(self.fence.calls, self.fence.dialect, self.text_before)
        return TextCalls(content="".join(self.visible))


def scan(text: str, tools: Tools) -> Scan:
    """The state after a scan of the whole text."""
    state = Scan(ParseContext(text, tools))
    _parse_unmarked(state)
    while mark := _MARK.search(text, state.at):
        kind = str(mark.lastgroup)
        if kind == "orphan":
            _parse_orphan_end(state, mark)
            continue
        state.show(mark.start())
        if kind == "think":
            end = text.find("</think>", state.at)
            state.at = end + len("</think>") if end >= 0 else len(text)
        elif kind == "unthink":
            state.discard_thought()
            state.at = mark.end()
        elif kind == "fence":
            state.pass_fence()
        elif kind == "end_of_message":
            state.take(ParseResult(mark.end(), hidden=state.context.harmony))
        else:
            state.take(PARSERS[kind](state.context, state.at) or ParseResult(mark.end()))
        if kind in {"think", "unthink"} or state.context.harmony:
            _parse_unmarked(state)
    state.show(len(text))
    return state


def _parse_orphan_end(state: Scan, mark: re.Match[str]) -> None:
    """At an end tag without a start tag: a line of the prose before it may be the call."""
    found = hermes.parse_orphan(state.context, state.at, mark.start())
    if found:
        state.show(found[0])
        state.take(found[1])
    else:
        state.show(mark.end())


def _parse_unmarked(state: Scan) -> None:
    """Where there was no text yet: JSON, or calls in Python's syntax, that begin here."""
    context = state.context
    start = skip_blanks(context.text, state.at)
    bracket = context.text[start : start + 1] in {"{", "["} and not context.text.startswith("[TOOL_CALLS]", start)
    if state.has_text or state.calls or state.unmarked or not bracket:
        return
    context.exact = True
    pythonic = parse_pythonic(context, start)
    objects = None if pythonic else parse_objects(context, start)
    context.exact = False
    if pythonic and not context.text[pythonic.end :].strip():
        state.unmarked = pythonic
        state.show(pythonic.end)
    elif objects and (
        objects.all_calls or objects.valid
    ):  # other JSON is passed over: what its strings hold is no call
        if objects.all_calls:
            state.unmarked = ParseResult(objects.end, objects.calls, "json")
        state.show(objects.end)
