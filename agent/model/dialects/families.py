"""The families of call markup. The one place that lists them: parsing, streaming and writing follow from it."""

from __future__ import annotations

import re

from agent.model.dialects import deepseek, dsml, glm, harmony, hermes, llama3, mistral, qwen3_coder
from agent.model.dialects.base import Family, ParseContext, Parser, ParseResult

FAMILIES: tuple[Family, ...] = (
    qwen3_coder.FAMILY,
    glm.FAMILY,
    hermes.FAMILY,
    mistral.FAMILY,
    llama3.FAMILY,
    deepseek.FAMILY,
    dsml.FAMILY,
    harmony.FAMILY,
)
"""Of several whose opener matches, the first one parses; the three that share `<tool_call>` differ in what follows."""
PARSERS: dict[str, Parser] = {family.name: family.parse for family in FAMILIES}
OPENERS = "|".join(f"(?P<{family.name}>{family.opener})" for family in FAMILIES)
"""One regular expression; the group that matches is the family's name."""
PREFIXES = tuple(dict.fromkeys(prefix for family in FAMILIES for prefix in family.prefixes))
_OPENERS = re.compile(OPENERS)


def parse_at(context: ParseContext, at: int) -> ParseResult | None:
    """The calls of the markup at index `at`; None when there is none, or it can't be parsed."""
    opener = _OPENERS.match(context.text, at)
    return PARSERS[opener.lastgroup](context, at) if opener and opener.lastgroup else None
