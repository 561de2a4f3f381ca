"""Which tools an agent is offered: the contract's eight, and more where the window has room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.code.paths import is_test
from agent.run.code_index import code_index
from agent.run.context import Work
from tools import CONTRACT_TOOLS, EXTRA_TOOLS, CodeLookup, Registry

if TYPE_CHECKING:
    pass

ROOM_FOR_MORE = 16_384
"""Tokens of a window from which on more tools are offered than the contract's."""


def equip(work: Work) -> None:
    """Give the session its tools; they stay the same to its end, since they are part of every prompt."""
    roomy = work.budget.window >= ROOM_FOR_MORE
    work.registry = Registry([*CONTRACT_TOOLS, *(EXTRA_TOOLS if roomy else ())])
    work.tools.syntax_errors = _syntax_errors
    if roomy:
        work.tools.code = _lookup(work)


def _lookup(work: Work) -> CodeLookup:
    """The index of the code, kept up with this work's sandbox; it is made when it is first asked."""
    from agent.code.lookup import Lookup
    from agent.code.workspace import WorkspaceIndex

    return Lookup(WorkspaceIndex(code_index(work), work.sandbox), work.tools, work.issue.text, is_test)


def _syntax_errors(path: str, text: str) -> list[str]:
    from agent.code.syntax import syntax_errors

    return [str(fault) for fault in syntax_errors(path, text)]
