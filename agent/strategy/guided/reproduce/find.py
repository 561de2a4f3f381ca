"""A script that shows the problem, from the issue, for repositories whose tests all pass.

First the code that the issue shows, as it stands, then the calls and values it names otherwise: what must be true of
them is chosen by the model among what the reporter wrote. Where there are none, the model writes the script.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from agent.code.python_ast import parse
from agent.code.python_modules import definitions, module_of
from agent.code.regions import Region
from agent.code.tracebacks import without_tracebacks
from agent.model.types import Request
from agent.run.reproduction import run_script
from agent.session.events import PhaseBegan
from agent.strategy.guided.issue.code_blocks import Reported, reported
from agent.strategy.guided.issue.examples import find_examples, script_for
from agent.strategy.guided.localise.suspects import Suspect
from agent.strategy.guided.prompts import ask_about, tail
from agent.strategy.guided.repair.rewrites import fenced
from agent.strategy.guided.reproduce.assertions import Check, checks_of, scripts_of
from agent.strategy.guided.reproduce.differences import differences_of
from agent.strategy.guided.reproduce.imports import imports_of, with_submodules
from agent.strategy.guided.reproduce.scripts import Reproduction, failing, shows_problem
from agent.strategy.guided.state import GuidedState
from prompts import render

ATTEMPTS = 3
_SCRIPT_TOKENS = 400


def ungrounded(script: str, issue: str) -> list[str]:
    """The values in a script that the issue does not give, outermost literals as they are written."""
    tree = parse(script)
    given = _plain(issue)
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set):
            written = ast.get_source_segment(script, node) or ""
            try:
                ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                pass
            else:
                if _plain(written) not in given:
                    found.append(written)
                return
        if isinstance(node, ast.Assert):
            visit(node.test)  # not its message
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    if tree is not None:
        visit(tree)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\s'\"`]", "", text)


async def find_reproductions(guided: GuidedState, suspects: list[Suspect]) -> list[Reproduction]:
    """Scripts that fail on the base commit, the likeliest first; none where nothing was found.

    They lie outside the repository, so they never get into the patch.
    """
    regions = [suspect.region for suspect in suspects if suspect.region.path.endswith(".py")]
    if not regions or guided.context.tests is None:
        return []
    issue = _with_lf(guided.context.issue.text)
    known = definitions(guided.sources, issue)
    if shown := reported(issue, known):
        guided.session.emit(PhaseBegan(phase="reproduce", detail="by the code in the issue"))
        imports = await _imports(guided, shown)
        if found := await failing(guided, checks_of(issue, shown, imports)):
            return found
        if found := await failing(guided, differences_of(issue, shown, imports), or_none=False):
            return [replace(found[0], vague=True)]
    examples = find_examples(without_tracebacks(issue), known)
    if examples:
        guided.session.emit(PhaseBegan(phase="reproduce", detail="by the examples of the issue"))
        checks = [Check(example.check, script_for(example, known), sure=True) for example in examples]
        if found := await failing(guided, checks):
            return found
    guided.session.emit(PhaseBegan(phase="reproduce", detail=f"from the issue, for {regions[0].title}"))
    written = await _write(guided, regions[0])
    return [written] if written else []


async def issue_scripts(guided: GuidedState) -> list[str]:
    """The code in the issue that can be run, as scripts that show what comes of it. Raises `SandboxLost`."""
    issue = _with_lf(guided.context.issue.text)
    shown = reported(issue, definitions(guided.sources, issue))
    return scripts_of(shown, await _imports(guided, shown))


async def _imports(guided: GuidedState, shown: list[Reported]) -> dict[str, str]:
    found = await imports_of(guided, frozenset().union(*(code.unbound for code in shown)))
    modules = {module_of(entry.path) for entry in guided.context.repository.entries() if entry.path.endswith(".py")}
    return with_submodules(found, (code.source for code in shown), modules)


def _with_lf(text: str) -> str:
    return re.sub(r"\r+\n?", "\n", text)


async def _write(guided: GuidedState, region: Region) -> Reproduction | None:
    """A script the model wrote; one whose values all stand in the issue, if any of its attempts has none invented."""
    fallback: Reproduction | None = None
    hint = ""
    for attempt in range(ATTEMPTS):
        if guided.context.exhausted_budget():
            break
        wanted = render("guided_reproduce", module=module_of(region.path), hint=hint)
        request = Request(
            messages=ask_about(guided, region, wanted, source=guided.sources[region.path]),
            max_tokens=guided.model.reply_tokens(_SCRIPT_TOKENS),
            sampling=guided.model.sampling(0.2 if attempt == 0 else 0.7, attempt),
        )
        reply = await guided.model.ask(request)
        guided.session.emit(guided.model.reply_event(reply, "reproduce"))
        script = fenced(reply.content).strip() + "\n"
        if parse(script) is None or "assert" not in script:
            continue
        ran = await run_script(guided.context, guided.workspace.sandbox, script)
        invented = ungrounded(script, guided.context.issue.text)
        if shows_problem(ran.output, ran.exit_code, guided.context.issue.text):
            found = Reproduction(script, ran, made_up=True)
            if not invented:
                return found
            fallback = fallback or found
        # the answer itself is not shown again: a small model repeats what it sees
        hint = render("guided_reproduce_again", passed=ran.passed, output=tail(ran.output, 300), invented=invented[:3])
    return fallback
