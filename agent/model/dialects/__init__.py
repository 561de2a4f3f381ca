"""Tool calls in the text of a reply, in the formats that models write: parsed, written, repaired, streamed.

One module a family; `parse_text` finds the calls of all of them, whatever a model's profile names.
"""

from __future__ import annotations

from agent.model.dialects import fences
from agent.model.dialects.base import Dialect, TextCalls, Tools
from agent.model.dialects.families import FAMILIES
from agent.model.dialects.hermes import json_call
from agent.model.dialects.json_text import arguments_json, is_json, loads
from agent.model.dialects.parse import parse_text
from agent.model.dialects.repair import Repaired, repair_call
from agent.model.dialects.schema import call_schema
from agent.model.dialects.stream import CallStream

__all__ = [
    "DIALECTS",
    "CallStream",
    "Dialect",
    "Repaired",
    "TextCalls",
    "Tools",
    "arguments_json",
    "call_schema",
    "is_json",
    "json_call",
    "loads",
    "parse_text",
    "repair_call",
]

DIALECTS = {
    dialect.name: dialect
    for dialect in (fences.DIALECT, *(family.dialect for family in FAMILIES))
    if dialect is not None
}
"""The dialects a profile may name."""
