"""gpt-oss: messages with a channel and, where one is a call, a recipient: OpenAI's harmony format.

`<|channel|>commentary to=functions.F <|constrain|>json<|message|>{…}<|call|>`; the recipient may stand before the
channel, `<|constrain|>` and `<|message|>` may be missing. The channel `analysis` is for thoughts.
"""

from __future__ import annotations

import re

from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps, value_at

OPENER = r"<\|(?:start|channel)\|>|to=functions\."
END = r"<\|(?:end|return|call)\|>"
_HEADER = re.compile(
    rf"(?:<\|start\|>\s*+(?:assistant\b)?)?\s*+(?:to=(?P<first>{NAME}))?\s*+"
    rf"(?:<\|channel\|>\s*+(?P<channel>\w{{1,32}}+)\s*+(?:to=(?P<second>{NAME}))?)?\s*+"
    r"(?:<\|constrain\|>\s*+)?(?:(?:json|code)\b)?\s*+(?P<message><\|message\|>)?"
)
_NEXT = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_CLOSER = re.compile(rf"\s*+(?:{END})?")


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The message that begins at `at`: a call, a thought, or the header of prose."""
    header = _HEADER.match(context.text, at)
    if header is None or header.end() == at:
        return None
    recipient = header["first"] or header["second"] or ""
    if recipient:
        found = _call(context, recipient, header.end())
        context.harmony = context.harmony or bool(found and found.calls)
        return found
    if not header["message"]:
        return None
    context.harmony = True
    if header["channel"] != "analysis":
        return ParseResult(header.end(), hidden=True)
    ends = _NEXT.search(context.text, header.end())
    return ParseResult(ends.start() if ends else len(context.text), hidden=True)


def _call(context: ParseContext, recipient: str, at: int) -> ParseResult | None:
    begins = re.compile(r"\s*+(?=\{)").match(context.text, at)
    parsed = value_at(context.text, begins.end()) if begins else None
    if begins is None or parsed is None or not isinstance(parsed[0], dict):
        return None
    value, end, valid = parsed
    own = context.text[begins.end() : end] if valid else dumps(value)
    closer = _CLOSER.match(context.text, end)
    calls = context.calls_of(recipient.removeprefix("functions."), arguments_json(own))
    return ParseResult(closer.end() if closer else end, calls, "gpt-oss")


def write(name: str, arguments: str) -> str:
    """A call as one message."""
    return f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{arguments_json(arguments)}<|call|>"


DIALECT = Dialect("gpt-oss", "<|channel|>commentary to=functions.", write, "The arguments are one JSON object.")

FAMILY = Family("harmony", OPENER, ("<|", "to=functions."), parse, DIALECT)
