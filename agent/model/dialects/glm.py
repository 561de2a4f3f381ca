"""GLM 4.5 to 4.7: `<tool_call>F<arg_key>K</arg_key><arg_value>V</arg_value></tool_call>`, strings raw.

The format is that of its chat templates: 4.6 has line breaks between the tags, 4.7 has none.
"""

from __future__ import annotations

import json
import re

from agent.model.dialects import hermes
from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json
from agent.model.dialects.tagged import TaggedSyntax, round_trips, write_raw

_CALL = rf"<tool_call>\s*+{NAME}\s*+(?=<arg_key>|</tool_call>|\{{)"
OPENER = _CALL
_OPENER = re.compile(rf"<tool_call>\s*+({NAME})\s*+(?=<arg_key>|</tool_call>|\{{)")
_SYNTAX = TaggedSyntax(
    call=_CALL,
    end_call="</tool_call>",
    argument=r"<arg_key>([^<>\n]{1,128}+)</arg_key>\s*+<arg_value>",
    end_argument="</arg_value>",
    opening="<tool_call>",
    closing="(?!)",
)


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The call whose tag begins at `at`."""
    begins = _OPENER.match(context.text, at)
    found = _SYNTAX.parse(context, begins[1], begins.end()) if begins else None
    return found and ParseResult(found.end, found.calls, "glm")


def write(name: str, arguments: str) -> str:
    """A call between its tags; as JSON in `<tool_call>` where a value would be taken for the call's own end."""
    given = json.loads(arguments_json(arguments))
    values = "".join(
        f"<arg_key>{key}</arg_key>\n<arg_value>{write_raw(value)}</arg_value>\n" for key, value in given.items()
    )
    written = f"<tool_call>{name}\n{values}</tool_call>"
    return written if round_trips(parse, written, name, given) else hermes.write(name, arguments)


DIALECT = Dialect(
    "glm",
    "<tool_call>",
    write,
    "A value stands between its tags as it is: nothing is quoted or escaped. Several lines are fine.",
)

FAMILY = Family("glm", OPENER, ("<tool_call>",), parse, DIALECT)
