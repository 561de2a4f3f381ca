"""An OpenAI-compatible server that tells nothing about itself: models by name, chat, no more."""

from __future__ import annotations

from doubles.base import Exchange
from doubles.openai import OpenAIDouble

_KNOWN = {
    "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed",
    "stop", "n", "tools", "tool_choice", "parallel_tool_calls", "response_format", "frequency_penalty",
    "presence_penalty", "logprobs", "user",
}  # fmt: skip


class GenericDouble(OpenAIDouble):
    """`strict` refuses every field that the original API lacks, one at a time, as the original does."""

    strict = False
    strict_status = 400

    def objects(self, exchange: Exchange) -> bool:
        """Strictness."""
        unknown = sorted(set(exchange.body) - _KNOWN)
        if not (self.strict and unknown):
            return False
        self.refuse(exchange, self.strict_status, f"Unrecognized request argument supplied: {unknown[0]}")
        return True
