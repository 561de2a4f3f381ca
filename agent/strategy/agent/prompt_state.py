"""The prompt that an agent's replies go on from: how calls are asked for in it, and whether its prefix is cached."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.context.prompt_cache import PrefixMonitor
from agent.model.tool_calling import ToolCallPolicy


@dataclass
class PromptState:
    """What only the agent strategy needs: `policy` chooses the tool-call mode, `cache` watches the server's reuse."""

    policy: ToolCallPolicy
    cache: PrefixMonitor = field(default_factory=PrefixMonitor)
