"""Qwen3-Coder: `<tool_call><function=F><parameter=K>…</parameter></function></tool_call>`, strings raw.

The format is that of its chat template: a value stands on lines of its own, strings unescaped, other types as JSON.
Models leave out `<tool_call>`, or any end tag. `<function=F>{…}</function>` is what Llama 3 was taught for tools of
one's own.
"""

from __future__ import annotations

import json
import re

from agent.model.dialects import hermes
from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json
from agent.model.dialects.tagged import TaggedSyntax, round_trips, strip_line_breaks, write_raw

_CALL = rf"<function={NAME}>"
OPENER = rf"(?:<tool_call>\s*+)?{_CALL}"
_OPENER = re.compile(rf"(?:<tool_call>\s*+)?<function=({NAME})>")
_SYNTAX = TaggedSyntax(
    call=_CALL,
    end_call="</function>",
    argument=r"<parameter=([\w.-]{1,128})>",
    end_argument="</parameter>",
    opening="<tool_call>",
    closing="</tool_call>",
    trim=strip_line_breaks,
)


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The call whose tags begin at `at`."""
    begins = _OPENER.match(context.text, at)
    found = _SYNTAX.parse(context, begins[1], begins.end()) if begins else None
    return found and ParseResult(found.end, found.calls, "qwen3-coder")


def write(name: str, arguments: str) -> str:
    """A call between its tags; as JSON in `<tool_call>` where a value would be taken for the call's own end."""
    given = json.loads(arguments_json(arguments))
    values = "".join(f"<parameter={key}>\n{write_raw(value)}\n</parameter>\n" for key, value in given.items())
    written = f"<tool_call>\n<function={name}>\n{values}</function>\n</tool_call>"
    return written if round_trips(parse, written, name, given) else hermes.write(name, arguments)


DIALECT = Dialect(
    "qwen3-coder",
    "<tool_call>\n<function=",
    write,
    "A value stands between its tags as it is: nothing is quoted or escaped. Several lines are fine.",
)

FAMILY = Family("qwen3_coder", OPENER, ("<tool_call>", "<function="), parse, DIALECT)
