"""What the guided strategy knows beside the run, and how it asks the model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.code.coverage import executed_functions
from agent.model.dialects import loads
from agent.model.types import Reply, Request
from agent.run import reproduction as scripts
from agent.run.code_index import code_index
from agent.run.context import RunContext
from agent.run.model_session import ModelSession
from agent.run.run import Run
from agent.run.workspace_state import WorkspaceState
from agent.session.session import Session
from agent.strategy.guided.rules import GuidedRules, rules_from_environment

if TYPE_CHECKING:
    from agent.code.index import CodeIndex

Place = tuple[str, int]
"""A path from the repository's root, and a line, 1-based."""
Messages = list[dict[str, Any]]
"""A prompt, in the form of the chat API."""


@dataclass
class GuidedState:
    """One guided search. `sources` are texts at the base commit by path, with LF alone."""

    run: Run
    rules: GuidedRules = field(default_factory=rules_from_environment)
    sources: dict[str, str] = field(default_factory=dict)
    crlf: set[str] = field(default_factory=set)
    """Those of the sources whose lines end in CRLF in the repository."""
    executed: frozenset[Place] = frozenset()
    """Functions that the reproduction runs: path and first line, with its decorators."""

    @property
    def context(self) -> RunContext:
        """The task, its budgets and the baseline."""
        return self.run.context

    @property
    def workspace(self) -> WorkspaceState:
        """The sandbox's workspace and its snapshots."""
        return self.run.workspace

    @property
    def model(self) -> ModelSession:
        """The model as this run asks it."""
        return self.run.model

    @property
    def session(self) -> Session:
        """The session that all of this is journalled in."""
        return self.run.session

    @cached_property
    def issue(self) -> str:
        """The issue's text, its lines ended by LF."""
        return re.sub(r"\r+\n?", "\n", self.context.issue.text)

    @cached_property
    def index(self) -> CodeIndex:
        """The index of the base commit; `load_sources` brings it up to date."""
        return code_index(self.context.repository)

    @property
    def required(self) -> scripts.Reproduction:
        """The script that a candidate must pass, and its command; both empty where there is none."""
        return self.run.verifier.reproduction or scripts.Reproduction("", "")

    def require(self, command: str, script: str) -> None:
        """Have candidates and the final verification pass this script."""
        self.run.verifier.reproduction = scripts.Reproduction(command, script)

    def require_nothing(self) -> None:
        """Have no script passed: what there was does not verify a change."""
        self.run.verifier.reproduction = None

    def half_budget_used(self) -> bool:
        """Whether half of the tokens, the time or the steps is used."""
        settings, totals = self.context.settings, self.session.state.totals
        tokens = settings.max_tokens and totals.usage.completion_tokens > settings.max_tokens / 2
        seconds = settings.time_limit and self.session.limited_seconds() > settings.time_limit / 2
        return bool(tokens or seconds or totals.steps > settings.max_steps / 2)

    async def trace(self, script: str) -> None:
        """Find out which functions a script runs, unless that rule is left out. Raises `SandboxLost`."""
        self.executed = await executed_functions(self.workspace.sandbox, script) if self.rules.tracer else frozenset()

    async def ask(
        self,
        purpose: str,
        messages: Messages,
        *,
        tokens: int,
        temperature: float = 0.0,
        number: int = 0,
        schema: dict[str, Any] | None = None,
    ) -> Reply:
        """A journalled reply of at most `tokens`; `number` makes the seed another's. Raises `BackendError`s."""
        request = Request(
            messages=messages,
            max_tokens=self.model.reply_tokens(tokens),
            json_schema=schema,
            sampling=self.model.sampling(temperature, number),
        )
        reply = await (self.model.complete_structured(request) if schema else self.model.ask(request))
        self.session.emit(self.model.reply_event(reply, purpose))
        return reply


def answer_of(reply: Reply) -> dict[str, Any]:
    """The object of a reply that was to be one; empty where it is none."""
    found = loads(reply.content)
    return found if isinstance(found, dict) else {}
