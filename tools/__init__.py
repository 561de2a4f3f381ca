"""What the model can call: one file per tool, and the registry that validates, runs and bounds them."""

from tools.base import Observation, Tool, ToolContext
from tools.registry import CONTRACT_TOOLS, Registry

__all__ = ["CONTRACT_TOOLS", "Observation", "Registry", "Tool", "ToolContext"]
