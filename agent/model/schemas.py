"""JSON schemas that replies are held to."""

from __future__ import annotations

from typing import Any


def object_of(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has just these properties, by their schemas."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
