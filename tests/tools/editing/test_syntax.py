"""Only syntax errors that an edit brought are told, few at a time."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, cast

from sandbox.protocol import Sandbox, Workspace
from tools.base import ToolContext
from tools.editing.syntax import new_syntax_errors


class Nowhere:
    """A sandbox that is not asked."""

    workspace = Workspace(PurePosixPath("/workspace"))


def faults(_: str, text: str) -> list[str]:
    text.encode()  # half a character would break a parser
    return [f"line {n}: unexpected {line}" for n, line in enumerate(text.split("\n"), 1) if line in {"(", ")"}]


def told(before: str, after: str, **more: Any) -> str:
    return new_syntax_errors(ToolContext(cast(Sandbox, Nowhere()), syntax_errors=faults, **more), "a.py", before, after)


def test_old_errors_are_not_told_even_when_they_moved() -> None:
    assert told("a\n(", "a\nb\nc\n(") == ""
    assert told("(", "\udce9") == ""


def test_a_second_error_of_a_kind_is_new() -> None:
    assert told("(", "(\nx\n(").endswith("did not have before:\nline 3: unexpected (\nMend it.")


def test_few_are_told() -> None:
    assert told("", ")\n" * 9).endswith("line 3: unexpected )\nand 6 more\nMend it.")


def test_undo_is_offered_where_it_is() -> None:
    async def undo() -> str:
        return ""

    assert told("", ")", undo=undo).endswith("Mend it, or call undo to take this edit back.")


def test_nothing_is_told_where_nothing_can_be_known() -> None:
    assert new_syntax_errors(ToolContext(cast(Sandbox, Nowhere())), "a.py", "", ")") == ""
