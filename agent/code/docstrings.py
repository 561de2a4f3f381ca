"""The docstrings of Python functions: of a long one a model is shown the beginning, and the whole is put back.

A small model copies what it is shown, and a page of documentation is most of what it then writes.
"""

from __future__ import annotations

import ast
import textwrap

from agent.code.python_ast import FunctionNode, first_line, parse

LONG = 15
"""Lines from which on only the first paragraph of a docstring is shown."""
_SHOWN = 4  # lines of that


def shortened(source: str) -> str:
    """A function's source with the first paragraph in place of a long docstring; `source` may be indented."""
    node = _function(source)
    text = _docstring(node)
    lines = source.split("\n")
    if node is None or text is None or (text.end_lineno or text.lineno) - text.lineno + 1 < LONG:
        return source
    first = str(text.value).strip().split("\n\n")[0].split("\n")[:_SHOWN]
    indent = _indent(lines[text.lineno - 1])
    lines[text.lineno - 1 : text.end_lineno] = [f"{indent}{_quoted(chr(10).join(first))}"]
    return "\n".join(lines)


def restored(new: str, old: str) -> str:
    """A rewritten function with the docstring of the old one, where it has none, or only the beginning of it."""
    was, now = _docstring(_function(old)), _docstring(_function(new))
    node = _function(new)
    if was is None or node is None or (now is not None and not _begins(str(now.value), str(was.value))):
        return new
    lines = new.split("\n")
    body = node.body[0]
    if body.lineno == node.lineno or (now is not None and len(node.body) == 1 and now.lineno == node.lineno):
        return new  # all on one line
    kept = old.split("\n")[was.lineno - 1 : was.end_lineno]
    before, after = _indent(kept[0]), _indent(lines[body.lineno - 1])
    put = [after + line.removeprefix(before) if line.startswith(before) and line.strip() else line for line in kept]
    at = now.lineno - 1 if now is not None else first_line(body) - 1
    lines[at : (now.end_lineno or at) if now is not None else at] = put
    return "\n".join(lines)


def _function(source: str) -> FunctionNode | None:
    """The function that a source is, with the line numbers it has there."""
    tree = parse(textwrap.dedent(source))
    node = tree.body[0] if tree and len(tree.body) == 1 else None
    return node if isinstance(node, FunctionNode) else None


def _docstring(node: FunctionNode | None) -> ast.Constant | None:
    first = node.body[0] if node else None
    value = first.value if isinstance(first, ast.Expr) else None
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _begins(text: str, whole: str) -> bool:
    """Whether a text is the beginning of another, whatever their blanks."""
    return text != whole and " ".join(whole.split()).startswith(" ".join(text.split()))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _quoted(text: str) -> str:
    plain = "\\" not in text and '"""' not in text and not text.endswith('"')
    return f'"""{text}"""' if plain else repr(text)
