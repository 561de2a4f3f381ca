"""Every dialect with markup of its own: how its calls begin, and who reads them."""

from __future__ import annotations

import re

from agent.model.dialects import deepseek, dsml, glm, harmony, hermes, llama3, mistral, qwen3_coder
from agent.model.dialects.base import ParseContext, Parser, ParseResult

PARSERS: dict[str, Parser] = {
    "qwen3_coder": qwen3_coder.parse,
    "glm": glm.parse,
    "hermes": hermes.parse,
    "mistral": mistral.parse,
    "llama3": llama3.parse,
    "deepseek": deepseek.parse,
    "dsml": dsml.parse,
    "harmony": harmony.parse,
}
"""By the name of the group in `OPENERS`; the three that share `<tool_call>` are told apart by what follows it."""

OPENERS = "|".join(
    f"(?P<{name}>{opener})"
    for name, opener in (
        ("qwen3_coder", qwen3_coder.OPENER),
        ("glm", glm.OPENER),
        ("hermes", hermes.OPENER),
        ("mistral", mistral.OPENER),
        ("llama3", llama3.OPENER),
        ("deepseek", deepseek.OPENER),
        ("dsml", dsml.OPENER),
        ("harmony", harmony.OPENER),
    )
)
_OPENERS = re.compile(OPENERS)


def parse_at(context: ParseContext, at: int) -> ParseResult | None:
    """What a call's markup at `at` makes; None when there is none, or nothing can be made of it."""
    opener = _OPENERS.match(context.text, at)
    return PARSERS[opener.lastgroup](context, at) if opener and opener.lastgroup else None
