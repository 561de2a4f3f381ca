"""The JSON schema of a reply that is a tool call."""

from __future__ import annotations

from typing import Any


def call_schema(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """A JSON schema under which a reply is exactly one call of one of `tools`, as `{"name", "arguments"}`.

    `anyOf`, since some servers refuse `oneOf`; the constant names make the alternatives exclusive.
    """
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "name": {"const": tool["function"]["name"]},
                    "arguments": {**tool["function"]["parameters"], "additionalProperties": False},
                },
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for tool in tools
        ]
    }
