"""The tools of an attempt, and what they work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools import Registry, ToolContext


@dataclass
class ToolSession:
    """The registry of the tools that the model is offered, and their context."""

    context: ToolContext
    registry: Registry = field(default_factory=Registry)
