"""One attempt at one issue: the parts that a strategy is given, each the one owner of what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.run.best_result import BestResult
from agent.run.context import RunContext
from agent.run.model_session import ModelSession
from agent.run.tool_session import ToolSession
from agent.run.verification import PatchVerifier
from agent.run.workspace_state import WorkspaceState
from agent.session.session import Session


@dataclass(frozen=True)
class Run:
    """The six parts. What one strategy alone needs is in its own state (`PromptState`, `GuidedState`)."""

    context: RunContext
    workspace: WorkspaceState
    model: ModelSession
    tools: ToolSession
    verifier: PatchVerifier
    best: BestResult = field(default_factory=BestResult)

    @property
    def session(self) -> Session:
        """The session that all of this is journalled in."""
        return self.context.session
