"""Every dialect with markup of its own: how its calls begin, and who reads them."""

from __future__ import annotations

import re

from agent.model.dialects import deepseek, dsml, glm, harmony, hermes, llama3, mistral, qwen3_coder
from agent.model.dialects.base import Found, Reader, Reading

READERS: dict[str, Reader] = {
    "qwen3_coder": qwen3_coder.read,
    "glm": glm.read,
    "hermes": hermes.read,
    "mistral": mistral.read,
    "llama3": llama3.read,
    "deepseek": deepseek.read,
    "dsml": dsml.read,
    "harmony": harmony.read,
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


def read_at(reading: Reading, at: int) -> Found | None:
    """What a call's markup at `at` makes; None when there is none, or nothing can be made of it."""
    opener = _OPENERS.match(reading.text, at)
    return READERS[opener.lastgroup](reading, at) if opener and opener.lastgroup else None
