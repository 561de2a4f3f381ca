"""DeepSeek V3.2 and later: `<｜DSML｜invoke name="F"><｜DSML｜parameter name="K" string="true">V</…></…>`.

The format is that of its chat template: `string="true"` says that a value stands raw, else it is JSON. Models leave
the token `｜DSML｜` out; without `string`, the tool's schema says which it is.
"""

from __future__ import annotations

import re

from agent.model.dialects.base import NAME, Family, ParseContext, ParseResult
from agent.model.dialects.tagged import TaggedSyntax

_DSML = r"(?:[|｜]DSML[|｜])?"
_WRAP = r"(?:function_calls|tool_calls)>"
_CALL = rf'<{_DSML}invoke\s++name="{NAME}"\s*+>'
OPENER = rf"(?:<{_DSML}{_WRAP}\s*+)?{_CALL}"
_OPENER = re.compile(rf'(?:<{_DSML}{_WRAP}\s*+)?<{_DSML}invoke\s++name="({NAME})"\s*+>')
_SYNTAX = TaggedSyntax(
    call=_CALL,
    end_call=rf"</{_DSML}invoke>",
    argument=rf'<{_DSML}parameter\s++name="([^"<>\n]{{1,128}}+)"(?:\s++string="(?P<string>true|false)")?\s*+>',
    end_argument=rf"</{_DSML}parameter>",
    opening=rf"<{_DSML}{_WRAP}",
    closing=rf"</{_DSML}{_WRAP}",
)


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The call whose tags begin at `at`."""
    begins = _OPENER.match(context.text, at)
    found = _SYNTAX.parse(context, begins[1], begins.end()) if begins else None
    return found and ParseResult(found.end, found.calls, "deepseek")


FAMILY = Family("dsml", OPENER, ("<|DSML", "<｜DSML", "<function_calls>", "<tool_calls>", "<invoke"), parse)
