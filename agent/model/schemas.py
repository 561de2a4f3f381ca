"""JSON schemas for constrained replies."""

from __future__ import annotations

from typing import Any


def object_of(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object with exactly these properties; the values are their schemas."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
