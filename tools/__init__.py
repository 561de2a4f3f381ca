"""What the model can call: one file per tool, and the registry that validates, runs and bounds them."""

from tools.base import CodeLookup, Observation, Tool, ToolContext
from tools.registry import CONTRACT_TOOLS, EXTRA_TOOLS, Registry

__all__ = ["CONTRACT_TOOLS", "EXTRA_TOOLS", "CodeLookup", "Observation", "Registry", "Tool", "ToolContext"]
