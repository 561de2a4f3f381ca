"""What the model can call: one file per tool, and the registry that validates and runs them.

To add a tool:

1. `tools/NAME.py`: a class with the attributes and the method of `Tool` (base.py), and a class of its arguments. The
   model reads `name`, `description` and the arguments' descriptions; what the tool needs of the session it gets in
   `ToolContext`, and what the model did wrong it raises as `ToolError`;
2. an instance of it in `DEFAULT_TOOLS` or `OPTIONAL_TOOLS` of registry.py. The first are always offered; which of the
   others are, a strategy decides (agent/strategy/agent/toolset.py);
3. a line in docs/tools.md and `tests/tools/test_NAME.py`.
"""

from tools.base import CodeLookup, Observation, Tool, ToolContext
from tools.registry import DEFAULT_TOOLS, OPTIONAL_TOOLS, Registry

__all__ = ["DEFAULT_TOOLS", "OPTIONAL_TOOLS", "CodeLookup", "Observation", "Registry", "Tool", "ToolContext"]
