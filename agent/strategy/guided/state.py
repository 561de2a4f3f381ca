"""What the guided strategy knows beside the run: texts, places that match the issue, functions that ran."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.run.context import RunContext
from agent.run.model_session import ModelSession
from agent.run.reproduction import Reproduction
from agent.run.run import Run
from agent.run.workspace_state import WorkspaceState
from agent.session.session import Session

Place = tuple[str, int]
"""A path from the repository's root, and a line, 1-based."""


@dataclass
class GuidedState:
    """One guided search. `sources` are texts at the base commit by path, with LF alone."""

    run: Run
    sources: dict[str, str] = field(default_factory=dict)
    crlf: set[str] = field(default_factory=set)
    """Those of the sources whose lines end in CRLF in the repository."""
    ranked: dict[Place, float] = field(default_factory=dict)
    """Definitions that match the issue, by the code index: path and first line → score, the higher the likelier."""
    executed: frozenset[Place] = frozenset()
    """Functions that the reproduction runs: path and first line, with its decorators."""

    @property
    def context(self) -> RunContext:
        """The run's."""
        return self.run.context

    @property
    def workspace(self) -> WorkspaceState:
        """The run's."""
        return self.run.workspace

    @property
    def model(self) -> ModelSession:
        """The run's."""
        return self.run.model

    @property
    def session(self) -> Session:
        """The run's."""
        return self.run.session

    @property
    def reproduction(self) -> Reproduction | None:
        """What a candidate must satisfy beside the tests, owned by the verifier."""
        return self.run.verifier.reproduction

    @reproduction.setter
    def reproduction(self, found: Reproduction | None) -> None:
        self.run.verifier.reproduction = found

    @property
    def command(self) -> str:
        """The reproduction's command; empty where there is none."""
        return self.reproduction.command if self.reproduction else ""

    @property
    def script(self) -> str:
        """The reproduction's script; empty where there is none."""
        return self.reproduction.script if self.reproduction else ""
