"""Telling at once that an edit broke a file's syntax."""

from __future__ import annotations

import re
from collections import Counter

from tools.base import ToolContext

_MOST = 3


def new_faults(context: ToolContext, path: str, before: str, after: str) -> str:
    """What to add to an observation of an edit: syntax errors that `before` did not have; empty when there are none."""
    if context.syntax_errors is None:
        return ""
    now = context.syntax_errors(path, _clean(after))
    if not now:
        return ""
    known = Counter(_unplaced(each) for each in context.syntax_errors(path, _clean(before)))
    new = []
    for each in now:
        known[_unplaced(each)] -= 1
        if known[_unplaced(each)] < 0:
            new.append(each)
    if not new:
        return ""
    back = ", or call undo to take this edit back" if context.undo is not None else ""
    told = "\n".join(new[:_MOST]) + (f"\nand {len(new) - _MOST} more" if len(new) > _MOST else "")
    return f"\n{path} has a syntax error that it did not have before:\n{told}\nMend it{back}."


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _unplaced(fault: str) -> str:
    """Without numbers, since an edit moves what stands after it."""
    return re.sub(r"\d+", "", fault)
