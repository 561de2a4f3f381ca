"""What must hold once the problem is fixed, made of an issue's code: checks that a run and the model choose from.

That the code runs, that an expression has a value or raises an error that the issue expects, that it does not come to
what the issue complains of any more. Those that hold as the code is can't be meant.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from agent.code.code_blocks import CodeBlock, Step
from agent.code.literals import MAX_CHARACTERS, values_in
from agent.code.python_ast import parse_expression
from agent.strategy.guided.issue.expected_values import expectations, expected_values
from agent.strategy.guided.issue.prose import code_spans, prose_of

MAX_CHECKS = 12
_MAX_EXPRESSIONS = 4  # of one block that values are held against
_MAX_DIFFERENCES = 4
_MAX_LENGTH = 200  # characters of an expression that is checked, or of a line of a description
_MIN_REMARK = 2  # characters of what a comment or the text shows of a result; less stands anywhere
_MIN_PART = 4  # characters of a result that is looked for in a longer text
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b")
_SHOW = 'for form in ("_repr_png_", "_repr_html_"):\n    getattr(type(shown), form, repr)(shown)\n'
_OPPOSITE = {"True": "False", "False": "True"}
_UNBRACKETED = ast.Call | ast.Name | ast.Attribute | ast.Subscript

Rule = Literal["no error", "value", "values in order", "error", "difference"]


@dataclass(frozen=True)
class Check:
    """What must be true once the problem is fixed, in words, and a script that holds the code to it.

    It holds from line `line` of the script on: what fails before that is something else.
    """

    rule: Rule
    words: str
    script: str
    line: int = 1
    unambiguous: bool = False
    """Whether the issue leaves no doubt that it means just this where nothing else fails: the model is not asked."""
    stricter: Check | None = None
    """A check that is made where this one holds."""


def checks_of(issue: str, blocks: list[CodeBlock], imports: Mapping[str, str]) -> list[Check]:
    """Checks made of the code of an issue; `imports` has the statement that binds a name the code leaves unbound."""
    prose = prose_of(issue[:MAX_CHARACTERS], blocks)
    values, errors = expected_values(prose), _expected_errors(prose)
    whole: list[Check] = []
    others: list[list[Check]] = []
    for block, opening in runnable(blocks, imports):
        last = next((step.expression for step in reversed(block.steps) if step.expression), block.steps[-1].source)
        words = f"`{short(last)}` and what comes before it: no error is raised"
        shown = _repr_script(block, opening)
        stricter = Check("no error", f"{words}, and none when it is shown", shown, 1, not errors) if shown else None
        whole.append(Check("no error", words, f"{opening}{block.source}\n", 1, not errors, stricter))
        others.append(list(_of_expressions(block, opening, values, errors)))
    in_turn = [check for row in zip_longest(*others) for check in row if check is not None]
    return with_unique_descriptions([*whole, *in_turn])[:MAX_CHECKS]


def differences_of(issue: str, blocks: list[CodeBlock], imports: Mapping[str, str]) -> list[Check]:
    """Checks that the issue's code does not come to anything that the issue shows, to the letter, else by its words.

    Shown are output, comments behind a statement, and what stands as code in the running text. Those that hold as the
    code is show nothing; the others say that something must change, and not into what.
    """
    spans = code_spans(prose_of(issue[:MAX_CHARACTERS], blocks))
    found: list[Check] = []
    for block, opening in runnable(blocks, imports):
        for at, step in enumerate(block.steps):
            output = [step.shown] if step.is_output and not step.failed else []
            remarks = [] if step.is_output else step.shown.split("\n")
            remarks += spans if at == len(block.steps) - 1 else []
            shown = output + [text for text in remarks if len(text) >= _MIN_REMARK]
            if step.expression and shown:
                found.append(_differs(step, shown, opening + block.before(at)))
    return with_unique_descriptions(found)[-_MAX_DIFFERENCES:]


def runnable(blocks: list[CodeBlock], imports: Mapping[str, str]) -> Iterator[tuple[CodeBlock, str]]:
    """The code of an issue that can be run, each with the imports that it leaves out."""
    for block in blocks:
        if block.runs and block.unbound <= imports.keys():
            yield block, "".join(f"{imports[name]}\n" for name in sorted(block.unbound))


def scripts_of(blocks: list[CodeBlock], imports: Mapping[str, str]) -> list[str]:
    """The code of an issue that can be run, as scripts that show the value they end with."""
    ready = runnable(blocks, imports)
    return [_repr_script(block, opening) or f"{opening}{block.source}\n" for block, opening in ready]


def _repr_script(block: CodeBlock, opening: str) -> str:
    """The script of code that ends with a value, shown as a prompt or a notebook shows it; empty for other code."""
    last = block.steps[-1]
    if not last.expression or last.prints:
        return ""
    return f"{opening}{block.before(len(block.steps) - 1)}shown = {last.expression}\n{_SHOW}"


def with_unique_descriptions(checks: Sequence[Check]) -> list[Check]:
    """Checks whose words no other has: where two say the same, the first line that differs is added."""
    made: dict[str, Check] = {}
    for check in checks:
        words = check.words
        if words in made:
            other = made[words].script.split("\n")
            differs = next((line for line in check.script.split("\n") if line not in other), "")
            words = f"{words} (after `{short(differs)}`)" if differs else words
        made.setdefault(words, replace(check, words=words))
    return list(made.values())


def _of_expressions(block: CodeBlock, opening: str, values: Sequence[str], errors: Sequence[str]) -> Iterator[Check]:
    """Checks of the expressions that the issue shows a result of, else of the last statement."""
    targets = [at for at, step in enumerate(block.steps) if step.expression and step.is_output and step.shown]
    shown = {block.steps[at].shown for at in targets}
    if 1 < len(targets) == len(values) and not shown & set(values):
        yield _in_order(block, opening, dict(zip(targets, values, strict=True)))
        return
    for at in (targets or [len(block.steps) - 1])[:_MAX_EXPRESSIONS]:
        step = block.steps[at]
        if not step.expression or len(step.expression) > _MAX_LENGTH:
            continue
        before = opening + block.before(at)
        line = before.count("\n") + 1
        opposite = [_OPPOSITE[step.shown]] if step.shown in _OPPOSITE and targets[-1:] == [at] else []
        commented = [] if step.is_output else [value for _, value in values_in(step.shown)]
        for value in dict.fromkeys([*opposite, *commented, *values]):
            words, script = _has_value(step, value)
            yield Check("value", words, before + script, line, unambiguous=step.is_output and not errors)
        for error in errors:
            if error not in step.shown:
                script = before + _raises(step.expression, error)
                yield Check("error", f"{step.expression} raises {error}", script, line)


def _in_order(block: CodeBlock, opening: str, values: Mapping[int, str]) -> Check:
    """The check that the statements at some places have the values that the issue expects in the same order."""
    words: list[str] = []
    script, line = opening, 0
    for at, step in enumerate(block.steps):
        if at in values:
            description, statements = _has_value(step, values[at])
            line = line or script.count("\n") + 1
            words.append(description)
            script += statements
        elif not step.failed:
            script += f"{step.source}\n"
    return Check("values in order", ", ".join(words), script, line, unambiguous=True)


def _has_value(step: Step, value: str) -> tuple[str, str]:
    """The check that an expression has a value, in words and as statements; what was printed is compared as text."""
    written = step.expression
    plain = isinstance(parse_expression(written), _UNBRACKETED)
    condition = f"result == {value}"
    if step.prints:
        condition += f" or str(result) == str({value})"
    words = f"{written if plain else f'({written})'} == {value}"
    return words, f"result = {written}\nassert {condition}, result\n"


def _raises(expression: str, error: str) -> str:
    """Statements that hold an expression to an error, by the name of its class: where that lives is not said."""
    return (
        f"try:\n    result = {expression}\nexcept Exception as error:\n"
        f"    assert {error!r} in [kind.__name__ for kind in type(error).__mro__], repr(error)\n"
        f"else:\n    assert False, f'no {error}, but {{result!r}}'\n"
    )


def _expected_errors(prose: str) -> list[str]:
    """The errors that a text expects."""
    return list(dict.fromkeys(name for start, end in expectations(prose) for name in _ERROR.findall(prose[start:end])))


def _differs(step: Step, shown: Sequence[str], before: str) -> Check:
    line = before.count("\n") + 1
    text = "str(result)" if step.prints else "repr(result)"
    head = f"{before}result, shown = {step.expression}, {list(shown)!r}\n"
    words = f"`{short(step.expression)}` does not give what the issue shows any more"
    by_words = (
        f"{head}plain = lambda text: ''.join(text.split())\n"
        f"text = plain({text})\n"
        f"assert not any(text == plain(each) or (len(text) >= {_MIN_PART} and text in plain(each)) for each in shown)\n"
    )
    stricter = Check("difference", words, by_words, line)
    return Check("difference", words, f"{head}assert {text} not in shown\n", line, stricter=stricter)


def short(text: str) -> str:
    """The first line of a text, as far as it is not too long."""
    line = text.strip().split("\n")[0]
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}…"
