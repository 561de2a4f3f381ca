"""How a model can be asked for its tool calls."""

from __future__ import annotations

from typing import Literal

ToolCallMode = Literal["native", "text", "begun", "constrained"]
"""
native          the API's `tools`; the server parses what its model wrote
text            the tools are described in the prompt, with how a call is written in the model's own dialect
begun           the same, and the reply is begun with the opening of a call
constrained     the reply is held to a schema under which it is exactly one call
"""
