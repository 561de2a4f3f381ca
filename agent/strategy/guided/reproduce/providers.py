"""Where a reproduction may come from, in the order in which it is looked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.strategy.guided.reproduce.failing_tests import all_failures, related_failures
from agent.strategy.guided.reproduce.issue_code import from_issue_code
from agent.strategy.guided.reproduce.model_script import written_by_model
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.rules import GuidedRules
from agent.strategy.guided.state import GuidedState

Provider = Callable[[GuidedState], Awaitable[list[Reproduction]]]
"""Gives what it finds, the likeliest first; nothing where it finds none. The workspace is as it was afterwards, unless
it is cancelled. May raise `BackendError`s and `SandboxLost`."""


def providers(rules: GuidedRules) -> list[Provider]:
    """The providers that the rules allow, in order."""
    ordered: list[tuple[bool, Provider]] = [
        (rules.failing_tests, related_failures),
        (rules.issue_code, from_issue_code),
        (rules.model_script, written_by_model),
        (rules.failing_tests, all_failures),
    ]
    return [provider for allowed, provider in ordered if allowed]
