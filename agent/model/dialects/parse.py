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

    Taken are calls of known tools: in the markup of any dialect, where a name known from other harnesses counts too;
    JSON, or calls in Python's syntax, with which the reply begins; one fence that is a call, when there is no other
    fence. Not taken is what stands in thoughts, in other fences, or inside another call. Takes time in proportion to
    the text.
    """
    found = scan(text, tools).outcome()
    return replace(found, content=found.content.strip())


@dataclass
class Scan:
    """The state of one scan. `visible` is the text outside thoughts and calls, in pieces."""

    context: ParseContext
    at: int = 0
    visible: list[str] = field(default_factory=list)
    spoken: bool = False
    """Whether anything visible was more than blanks."""
    calls: list[ToolCall] = field(default_factory=list)
    dialect: str = ""
    before: str = ""
    """The visible text before the first call."""
    loose: ParseResult | None = None
    """Calls with which the reply begins, without any markup."""
    fence: Fence | None = None
    """The first one; `before` is the visible text before it while there are no calls."""
    fences: int = 0

    def show(self, end: int) -> None:
        """Go on to `end`; what is passed is visible."""
        piece = self.context.text[self.at : end]
        self.visible.append(piece)
        self.spoken = self.spoken or bool(piece.strip())
        self.at = max(self.at, end)

    def take(self, found: ParseResult) -> None:
        """Go on past what a reader found at this place."""
        if found.calls and not self.calls:
            self.dialect, self.before = found.dialect, "".join(self.visible)
        self.calls.extend(found.calls)
        if found.calls or found.hidden:
            self.at = found.end
        else:
            self.show(found.end)

    def pass_fence(self) -> None:
        """Go on past the fence that begins here."""
        fence = parse_fence(self.context, self.at)
        if not self.fences and not self.calls:
            self.fence, self.before = fence, "".join(self.visible)
        self.fences += 1
        self.show(fence.end)

    def forget(self) -> None:
        """All that was read so far was a thought, whose beginning the chat template wrote."""
        self.visible, self.spoken, self.calls, self.loose, self.fence, self.fences = [], False, [], None, None, 0

    def outcome(self) -> TextCalls:
        """What is to be told of the text, the blanks round the content kept."""
        if self.calls:
            return TextCalls(tuple(self.calls), self.dialect, self.before)
        if self.loose and not self.fences:
            return TextCalls(self.loose.calls, self.loose.dialect)
        if self.fence and self.fence.calls and self.fences == 1:
            return TextCalls(self.fence.calls, self.fence.dialect, self.before)
        return TextCalls(content="".join(self.visible))


def scan(text: str, tools: Tools) -> Scan:
    """The whole scan over a text."""
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
            state.forget()
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
    """An end tag without its beginning: a line of the prose before it may be the call."""
    found = hermes.parse_orphan(state.context, state.at, mark.start())
    if found:
        state.show(found[0])
        state.take(found[1])
    else:
        state.show(mark.end())


def _parse_unmarked(state: Scan) -> None:
    """Where nothing was said yet: JSON, or calls in Python's syntax, that stand there."""
    context = state.context
    start = skip_blanks(context.text, state.at)
    bracket = context.text[start : start + 1] in {"{", "["} and not context.text.startswith("[TOOL_CALLS]", start)
    if state.spoken or state.calls or state.loose or not bracket:
        return
    context.exact = True
    pythonic = parse_pythonic(context, start)
    objects = None if pythonic else parse_objects(context, start)
    context.exact = False
    if pythonic and not context.text[pythonic.end :].strip():
        state.loose = pythonic
        state.show(pythonic.end)
    elif objects and (
        objects.all_calls or objects.sound
    ):  # other JSON is passed over: what its strings hold is no call
        if objects.all_calls:
            state.loose = ParseResult(objects.end, objects.calls, "json")
        state.show(objects.end)
