"""Reporting syntax errors that an edit brings into a file."""

from __future__ import annotations

import re
from collections import Counter

from tools.base import ToolContext

_MAX_SHOWN = 3


def new_syntax_errors(context: ToolContext, path: str, before: str, after: str) -> str:
    """What an edit's observation says of syntax errors that `before` did not have; empty if there are none."""
    if context.syntax_errors is None:
        return ""
    now = context.syntax_errors(path, _clean(after))
    if not now:
        return ""
    known = Counter(_without_numbers(each) for each in context.syntax_errors(path, _clean(before)))
    new = []
    for each in now:
        known[_without_numbers(each)] -= 1
        if known[_without_numbers(each)] < 0:
            new.append(each)
    if not new:
        return ""
    back = ", or call undo to take this edit back" if context.undo is not None else ""
    listed = "\n".join(new[:_MAX_SHOWN]) + (f"\nand {len(new) - _MAX_SHOWN} more" if len(new) > _MAX_SHOWN else "")
    return f"\n{path} has a syntax error that it did not have before:\n{listed}\nMend it{back}."


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _without_numbers(error: str) -> str:
    """An error without line numbers, since an edit moves the lines after it."""
    return re.sub(r"\d+", "", error)
