"""Checks of the code an issue shows: that it runs, or that an expression has a value or raises what the issue names."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from agent.code.tracebacks import without_tracebacks
from agent.strategy.guided.issue.code_blocks import FENCE, Reported, Step
from agent.strategy.guided.issue.expected_values import (
    MOST_LETTERS,
    expectations,
    expected_values,
    expression,
    is_literal,
    values_in,
)

MOST_CHECKS = 12
_MOST_TARGETS = 4
_LONGEST = 200  # letters of an expression that is checked
_LONG = 7  # letters of a value that does not stand in another by chance
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b")
_SHOW = 'for form in ("_repr_png_", "_repr_html_"):\n    getattr(type(shown), form, repr)(shown)\n'
_PLAIN = ast.Call | ast.Name | ast.Attribute | ast.Subscript
_OPPOSITE = {"True": "False", "False": "True"}


@dataclass(frozen=True)
class Check:
    """What must be true once the problem is fixed, in words, and a script that holds the code to it.

    It holds from line `line` of the script on: what fails before that is something else.
    """

    words: str
    script: str
    line: int = 1
    sure: bool = False
    """Whether the issue leaves no doubt that it means just this, so that nobody need be asked."""
    otherwise: Check | None = None
    """A check that is made where this one holds."""


def checks_of(issue: str, found: list[Reported], imports: Mapping[str, str]) -> list[Check]:
    """Checks made of the code of an issue; `imports` has the statement that binds a name the code leaves unbound.

    Which of them the issue means is for a reader to say; those that pass as things are it can't mean.
    """
    prose = prose_of(issue[:MOST_LETTERS], found)
    values, errors = expected_values(prose), _raised(prose)
    whole: list[Check] = []
    others: list[list[Check]] = []
    for each, opening in runnable(found, imports):
        last = next((step.expression for step in reversed(each.steps) if step.expression), each.steps[-1].source)
        words = f"`{short(last)}` and what comes before it: no error is raised"
        shown = _shown(each, opening)
        otherwise = Check(f"{words}, and none when it is shown", shown, sure=not errors) if shown else None
        whole.append(Check(words, f"{opening}{each.source}\n", sure=not errors, otherwise=otherwise))
        others.append(list(_of_expressions(each, opening, values, errors)))
    in_turn = [check for row in zip_longest(*others) for check in row if check is not None]
    made = {check.script: check for check in [*whole, *in_turn]}
    return with_unique_descriptions(list(made.values())[:MOST_CHECKS])


def steps_before(code: Reported, at: int) -> str:
    """The statements before one, without those that failed."""
    return "".join(f"{step.source}\n" for step in code.steps[:at] if not step.failed)


def scripts_of(found: list[Reported], imports: Mapping[str, str]) -> list[str]:
    """The code of an issue that can be run, as scripts that show the value they end with."""
    return [_shown(each, opening) or f"{opening}{each.source}\n" for each, opening in runnable(found, imports)]


def runnable(found: list[Reported], imports: Mapping[str, str]) -> Iterator[tuple[Reported, str]]:
    """The code of an issue that can be run, each with the imports that it leaves out."""
    for each in found:
        if each.runs and each.unbound <= imports.keys():
            yield each, "".join(f"{imports[name]}\n" for name in sorted(each.unbound))


def _shown(code: Reported, opening: str) -> str:
    """The script of code that ends with a value, which it shows; empty where it ends with something else."""
    last = code.steps[-1]
    if not last.expression or last.prints:
        return ""
    return f"{opening}{steps_before(code, len(code.steps) - 1)}shown = {last.expression}\n{_SHOW}"


def with_unique_descriptions(checks: list[Check]) -> list[Check]:
    """Checks with words that no other check has: where two say the same, the first line that differs is added."""
    told: dict[str, Check] = {}
    for check in checks:
        words = check.words
        if words in told:
            other = told[words].script.split("\n")
            differs = next((line for line in check.script.split("\n") if line not in other), "")
            words = f"{words} (after `{short(differs)}`)" if differs else words
        told.setdefault(words, replace(check, words=words))
    return list(told.values())


def _of_expressions(code: Reported, opening: str, values: Sequence[str], errors: Sequence[str]) -> Iterator[Check]:
    """Checks of the expressions that the issue shows the value of, else of the last statement.

    `values` and `errors` are those that the issue expects.
    """
    targets = [at for at, step in enumerate(code.steps) if step.expression and step.output and step.said]
    if 1 < len(targets) == len(values) and not any(map(_is_shown, values, (code.steps[at] for at in targets))):
        yield _in_order(code, opening, dict(zip(targets, values, strict=True)))
        return
    targets = targets or [len(code.steps) - 1]
    for at in targets[:_MOST_TARGETS]:
        step = code.steps[at]
        if not step.expression or len(step.expression) > _LONGEST:
            continue
        before = opening + steps_before(code, at)
        line = before.count("\n") + 1
        said = step.said.strip()
        opposite = [_OPPOSITE[said]] if said in _OPPOSITE and at == targets[-1] else []
        commented = [] if step.output else values_in(step.said)
        wanted = [each for each in dict.fromkeys([*opposite, *commented, *values]) if not _is_shown(each, step)]
        for value in wanted:
            words, script = _has_value(step, value)
            yield Check(words, before + script, line, sure=step.output and len(wanted) == 1 and not errors)
        for error in errors:
            if error not in step.said:
                yield Check(f"{step.expression} raises {error}", before + _raises(step.expression, error), line)


def _in_order(code: Reported, opening: str, values: Mapping[int, str]) -> Check:
    """The check that the statements at some places have the values that the issue expects in the same order."""
    said: list[str] = []
    script, line = opening, 0
    for at, step in enumerate(code.steps):
        if at in values:
            words, statements = _has_value(step, values[at])
            line = line or script.count("\n") + 1
            said.append(words)
            script += statements
        elif not step.failed:
            script += f"{step.source}\n"
    return Check(", ".join(said), script, line, sure=True)


def _is_shown(value: str, step: Step) -> bool:
    """Whether a value is what the issue shows, which is what it complains of."""
    if not step.output:
        return False
    shown = {step.said.strip(), step.said.strip().split("\n")[0]}
    return value in {_written(text) for text in shown} or (len(value) > _LONG and value[1:-1] in step.said)


def _has_value(step: Step, value: str) -> tuple[str, str]:
    """The check that an expression has a value, in words and as statements; what was printed is compared as text."""
    written = step.expression
    plain = isinstance(ast.parse(written, mode="eval").body, _PLAIN)
    words = f"{written if plain else f'({written})'} == {value}"
    condition = f"result == {value}"
    if step.prints:
        condition += f" or str(result) == str({value})"
    return words, f"result = {written}\nassert {condition}, result\n"


def _raises(expression: str, error: str) -> str:
    """By the name of its class, since where that is to be imported from is not said."""
    return (
        f"try:\n    result = {expression}\nexcept Exception as error:\n"
        f"    assert {error!r} in [kind.__name__ for kind in type(error).__mro__], repr(error)\n"
        f"else:\n    assert False, f'no {error}, but {{result!r}}'\n"
    )


def _raised(prose: str) -> list[str]:
    """The errors that a text expects."""
    return list(dict.fromkeys(name for _, text in expectations(prose) for name in _ERROR.findall(text)))


def _written(value: str) -> str:
    """A literal as `ast.unparse` writes it, so that it can be compared; empty for what is none."""
    node = expression(value)
    return ast.unparse(node) if node is not None and is_literal(node) else ""


def prose_of(issue: str, found: Collection[Reported]) -> str:
    """The issue without its code and what it shows of a run; everything else in its place."""
    spans = [(each.start, each.end) for each in found]
    spans += [match.span("block") for match in FENCE.finditer(issue) if not _written(match["block"])]
    for start, end in spans:
        issue = issue[:start] + re.sub(r"\S", " ", issue[start:end]) + issue[end:]
    return without_tracebacks(issue)


def short(text: str) -> str:
    """The first line of a text, as far as it is not too long."""
    line = text.strip().split("\n")[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
