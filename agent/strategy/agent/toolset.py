"""Which tools an agent is offered: the contract's eight, and more where the window has room for them."""

from __future__ import annotations

from agent.code.paths import is_test
from agent.run.code_index import code_index
from agent.run.run import Run
from tools import DEFAULT_TOOLS, OPTIONAL_TOOLS, CodeLookup, Registry

ROOM_FOR_MORE = 16_384
"""Tokens of a window from which on more tools are offered than the contract's."""


def equip(run: Run) -> None:
    """Give the session its tools; they stay the same to its end, since they are part of every prompt."""
    roomy = run.model.budget.window >= ROOM_FOR_MORE
    run.tools.registry = Registry([*DEFAULT_TOOLS, *(OPTIONAL_TOOLS if roomy else ())])
    run.tools.context.syntax_errors = _syntax_errors
    if roomy:
        run.tools.context.code = _lookup(run)


def _lookup(run: Run) -> CodeLookup:
    """The index of the code, kept up with this run's sandbox; it is made when it is first asked."""
    from agent.code.lookup import Lookup
    from agent.code.workspace import WorkspaceIndex

    index = WorkspaceIndex(code_index(run.context.repository), run.workspace.sandbox)
    return Lookup(index, run.tools.context, run.context.issue.text, is_test)


def _syntax_errors(path: str, text: str) -> list[str]:
    from agent.code.syntax import syntax_errors

    return [str(fault) for fault in syntax_errors(path, text)]
