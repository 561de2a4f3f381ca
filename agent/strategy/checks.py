"""Checks of the code an issue shows: that it runs, or that an expression has a value or raises what the issue names."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from agent.strategy.examples import find_values
from agent.strategy.reported import FENCE, Reported

MOST_CHECKS = 12
_MOST_TARGETS = 4
_MOST_LETTERS = 200
_LONG = 7  # letters of a value that does not stand in another by chance
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit)\b")
_PLAIN = ast.Call | ast.Name | ast.Attribute | ast.Subscript
_OPPOSITE = {"True": "False", "False": "True"}


@dataclass(frozen=True)
class Check:
    """What must be true once the problem is fixed, in words, and a script that holds the code to it."""

    words: str
    script: str


def checks_of(issue: str, found: list[Reported], imports: dict[str, str]) -> list[Check]:
    """Checks made of the code of an issue; `imports` has the statement that binds a name the code leaves unbound.

    Which of them the issue means is for a reader to say; those that pass as things are it can't mean.
    """
    prose = _prose(issue, found)
    made: dict[str, Check] = {}
    for each in found:
        if not each.unbound <= imports.keys():
            continue
        opening = "".join(f"{imports[name]}\n" for name in sorted(each.unbound))
        last = next((step.expression for step in reversed(each.steps) if step.expression), each.steps[-1].source)
        words = f"`{_short(last)}` and what comes before it: no error is raised"
        made.setdefault(words, Check(words, f"{opening}{each.source}\n"))
        for check in _of_expressions(each, opening, prose):
            made.setdefault(check.words, check)
    return list(made.values())[:MOST_CHECKS]


def _of_expressions(code: Reported, opening: str, prose: str) -> Iterator[Check]:
    """Checks of the expressions that the issue shows the value of, else of the last statement."""
    expected = find_values(prose, expected=True)
    errors = dict.fromkeys(_ERROR.findall(prose))
    targets = [at for at, step in enumerate(code.steps) if step.expression and step.output and step.said]
    targets = targets or [len(code.steps) - 1]
    for at in targets[:_MOST_TARGETS]:
        step = code.steps[at]
        written = step.expression
        if not written or len(written) > _MOST_LETTERS:
            continue
        before = opening + "".join(f"{each.source}\n" for each in code.steps[:at])
        values = [_OPPOSITE[step.said]] if step.said in _OPPOSITE else []
        values += [] if step.output else find_values(step.said)
        values += expected or (find_values(prose) if step.said else [])
        shown = _written(step.said) if step.output else ""
        compared = written if isinstance(ast.parse(written, mode="eval").body, _PLAIN) else f"({written})"
        for value in dict.fromkeys(values):
            if value != shown and not (len(value) > _LONG and value[1:-1] in step.said):
                script = f"{before}result = {written}\nassert result == {value}, result\n"
                yield Check(f"{compared} == {value}", script)
        for error in errors:
            if error not in step.said:
                yield Check(f"{written} raises {error}", before + _raises(written, error))


def _raises(expression: str, error: str) -> str:
    return textwrap.dedent(
        f"""\
        try:
            result = {expression}
        except {error}:
            pass
        else:
            assert False, f"no {error}, but {{result!r}}"
        """
    )


def _written(value: str) -> str:
    """A literal as `ast.unparse` writes it, so that it can be compared; empty for what is none."""
    try:
        return ast.unparse(ast.parse(value.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _prose(issue: str, found: list[Reported]) -> str:
    """The issue without its code and what it shows of a run; everything else in its place."""
    spans = [(each.start, each.end) for each in found]
    blocks = FENCE.finditer(issue)
    spans += [match.span("block") for match in blocks if not _written(match["block"])]
    for start, end in spans:
        issue = issue[:start] + re.sub(r"\S", " ", issue[start:end]) + issue[end:]
    return issue


def _short(text: str) -> str:
    line = text.strip().split("\n")[0]
    return line if len(line) <= _MOST_LETTERS else f"{line[:_MOST_LETTERS]}…"
