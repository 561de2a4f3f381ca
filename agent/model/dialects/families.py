"""The dialects with markup of their own: how their calls begin, and which parser takes them."""

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
"""By the name of the group in `OPENERS`; the three that share `<tool_call>` differ in what follows it."""

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
    """The calls of the markup at index `at`; None when there is none, or it can't be parsed."""
    opener = _OPENERS.match(context.text, at)
    return PARSERS[opener.lastgroup](context, at) if opener and opener.lastgroup else None
