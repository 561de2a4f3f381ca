"""A script that shows the problem, from the issue, for repositories whose tests all pass.

First the code that the issue shows, as it stands, then the calls and values it names otherwise: what must be true of
them is chosen by the model among what the reporter wrote. Where there are none, the model writes the script.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from agent.model.dialects import loads
from agent.model.types import Request
from agent.session.events import PhaseBegan, TestsRan
from agent.strategy.checks import Check, checks_of
from agent.strategy.examples import definitions, find_examples, module_of, script_for
from agent.strategy.imports import imports_of
from agent.strategy.localise import Suspect
from agent.strategy.questions import ask_about, question_of, tail
from agent.strategy.regions import Region, fenced, parse
from agent.strategy.reported import reported
from agent.strategy.work import Work
from prompts import render
from tools.files import write_text

REPRODUCTION = "reproduction.py"  # its file, outside the repository
ATTEMPTS = 6
MAX_CHECKS = 6
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Warning|Interrupt|Exit))\b", re.MULTILINE)
_OWN_FAULT = {"SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError"}


@dataclass(frozen=True)
class Reproduction:
    """A script that fails on the base commit, and the run that showed it."""

    script: str
    failure: TestsRan


def shows_problem(output: str, exit_code: int, issue: str) -> bool:
    """Whether a failing script failed by an assertion, or by an error that the issue names."""
    if exit_code == 0:
        return False
    raised = _EXCEPTION.findall(output)
    if not raised:
        return False
    last = raised[-1]
    return last == "AssertionError" or (last not in _OWN_FAULT and last in issue)


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


async def find_reproductions(work: Work, suspects: list[Suspect]) -> list[Reproduction]:
    """Scripts that fail on the base commit, the likeliest first; none where nothing was found.

    They lie outside the repository, so they never get into the patch.
    """
    regions = [suspect.region for suspect in suspects if suspect.region.path.endswith(".py")]
    if not regions or work.tests is None:
        return []
    if shown := reported(work.issue.text):
        work.session.emit(PhaseBegan(phase="reproduce", detail="by the code in the issue"))
        imports = await imports_of(work, frozenset().union(*(code.unbound for code in shown)))
        if found := await _failing(work, checks_of(work.issue.text, shown, imports)):
            return found
    known = definitions(work.sources, work.issue.text)
    examples = find_examples(work.issue.text, known)
    if examples:
        work.session.emit(PhaseBegan(phase="reproduce", detail="by the examples of the issue"))
        checks = [Check(example.check, script_for(example, known)) for example in examples]
        if found := await _failing(work, checks):
            return found
    work.session.emit(PhaseBegan(phase="reproduce", detail=f"from the issue, for {regions[0].title}"))
    written = await _write(work, regions[0])
    return [written] if written else []


async def _failing(work: Work, checks: list[Check]) -> list[Reproduction]:
    """The checks that fail as the issue says, the one that it means first, by the model's word."""
    failing: list[tuple[Check, Reproduction]] = []
    for check in checks:
        ran = await run_script(work, check.script, about=check.words)
        if not ran.passed and shows_problem(ran.output, ran.exit_code, work.issue.text):
            failing.append((check, Reproduction(check.script, ran)))
        if len(failing) == MAX_CHECKS:
            break
    if not failing:
        return []
    meant = await _choose(work, [check.words for check, _ in failing])
    return [found for _, found in sorted(failing, key=lambda pair: pair[0].words != meant)]


async def _choose(work: Work, checks: list[str]) -> str:
    """The check that the issue says must hold; the only one without asking."""
    if len(checks) == 1:
        return checks[0]
    schema = {
        "type": "object",
        "properties": {"must_be_true": {"enum": checks}},
        "required": ["must_be_true"],
        "additionalProperties": False,
    }
    request = Request(
        messages=[question_of(work, render("guided_choose", checks=checks))],
        max_tokens=work.reply_tokens(300),
        json_schema=schema,
        sampling=work.sampling(0.2, 0),
    )
    reply = await work.ask_held(request)
    work.session.emit(work.replied(reply, "choose"))
    found = loads(reply.content)
    chosen = found.get("must_be_true") if isinstance(found, dict) else None
    return chosen if chosen in checks else checks[0]


async def _write(work: Work, region: Region) -> Reproduction | None:
    """A script the model wrote; one whose values all stand in the issue, if any of its attempts has none invented."""
    fallback: Reproduction | None = None
    hint = ""
    for attempt in range(ATTEMPTS):
        if work.exhausted():
            break
        wanted = render("guided_reproduce", module=module_of(region.path), hint=hint)
        request = Request(
            messages=ask_about(work, region, wanted, source=work.sources[region.path]),
            max_tokens=work.reply_tokens(700),
            sampling=work.sampling(0.2 if attempt == 0 else 0.7, attempt),
        )
        reply = await work.ask(request)
        work.session.emit(work.replied(reply, "reproduce"))
        script = fenced(reply.content).strip() + "\n"
        if parse(script) is None or "assert" not in script:
            continue
        ran = await run_script(work, script)
        invented = ungrounded(script, work.issue.text)
        if shows_problem(ran.output, ran.exit_code, work.issue.text):
            found = Reproduction(script, ran)
            if not invented:
                return found
            fallback = fallback or found
        # the answer itself is not shown again: a small model repeats what it sees
        hint = render("guided_reproduce_again", passed=ran.passed, output=tail(ran.output, 300), invented=invented[:3])
    return fallback


async def run_script(work: Work, script: str, *, about: str = "") -> TestsRan:
    """Run a script that lies outside the repository on the repository's code; `about` says what it checks."""
    assert work.tests is not None
    place = work.sandbox.workspace.private / REPRODUCTION
    # by what lies where it runs, since it is run again in another sandbox, whose places may be others
    near = f"../{work.sandbox.workspace.private.name}/{REPRODUCTION}"
    await write_text(work.sandbox, place, script)
    ran = await work.tests.run("reproduction", command=f'PYTHONPATH="$PWD:$PWD/src" python3 {near}', about=about)
    work.session.emit(ran)
    return ran
