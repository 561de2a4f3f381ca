"""A script that the model writes to show the problem, where the issue has no code that does."""

from __future__ import annotations

import ast
import re

from agent.code.python_ast import is_literal, parse
from agent.code.python_modules import module_of
from agent.run.reproduction import run_script
from agent.session.events import PhaseBegan
from agent.strategy.guided.localise.suspects import find_suspects
from agent.strategy.guided.prompts import about_region, tail
from agent.strategy.guided.repair.rewrites import fenced
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.reproduce.select import shows_problem
from agent.strategy.guided.state import GuidedState
from prompts import render

_MAX_ATTEMPTS = 3
_SCRIPT_TOKENS = 400
_OUTPUT_TOKENS = 300  # of a failed script's output that the model is shown
_MAX_INVENTED = 3  # values that the model is told of


async def written_by_model(guided: GuidedState) -> list[Reproduction]:
    """At most one script: one whose values all stand in the issue, else the first that shows the problem.

    It is about the likeliest Python function. Raises `BackendError`s, `SandboxLost`.
    """
    suspects = find_suspects(guided.index, guided.sources, guided.issue, None, guided.workspace.root)
    region = next((each.region for each in suspects if each.region.path.endswith(".py")), None)
    if region is None or guided.half_budget_used():
        return []
    guided.session.emit(PhaseBegan(phase="reproduce", detail=f"from the issue, for {region.title}"))
    fallback: list[Reproduction] = []
    hint = ""
    for attempt in range(_MAX_ATTEMPTS):
        if guided.context.exhausted_budget():
            break
        messages = about_region(guided, region, render("guided_reproduce", module=module_of(region.path), hint=hint))
        temperature = 0.7 if attempt else 0.2
        reply = await guided.ask("reproduce", messages, tokens=_SCRIPT_TOKENS, temperature=temperature, number=attempt)
        script = fenced(reply.content).strip() + "\n"
        if parse(script) is None or "assert" not in script:
            continue
        ran = await run_script(guided.context, guided.workspace.sandbox, script)
        invented = invented_values(script, guided.issue)
        if shows_problem(ran.output, ran.exit_code, guided.issue):
            found = [Reproduction(ran, script, certainty="doubtful")]
            if not invented:
                return found
            fallback = fallback or found
        # the answer itself is not shown again: a small model repeats what it sees
        output, named = tail(ran.output, _OUTPUT_TOKENS), invented[:_MAX_INVENTED]
        hint = render("guided_reproduce_again", passed=ran.passed, output=output, invented=named)
    return fallback


def invented_values(script: str, issue: str) -> list[str]:
    """The values in a script that the issue does not give, outermost literals as they are written."""
    given = _without_blanks(issue)
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set) and is_literal(node):
            written = ast.get_source_segment(script, node) or ""
            if _without_blanks(written) not in given:
                found.append(written)
            return
        children = [node.test] if isinstance(node, ast.Assert) else ast.iter_child_nodes(node)  # not its message
        for child in children:
            visit(child)

    visit(parse(script) or ast.Module([], []))
    return found


def _without_blanks(text: str) -> str:
    """A text without blanks and quotes, in which values can be looked for however they are written."""
    return re.sub(r"[\s'\"`]", "", text)
