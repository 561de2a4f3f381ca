"""A script that shows the problem, from the issue, for repositories whose tests all pass.

First the code that the issue shows, as it stands, then the calls and values it names otherwise: what must be true of
them is chosen by the model among what the reporter wrote. Where there are none, the model writes the script.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass

from agent.model.dialects import loads
from agent.model.types import Request
from agent.session.events import PhaseBegan, TestsRan
from agent.strategy.checks import Check, checks_of
from agent.strategy.examples import definitions, find_examples, module_of, script_for
from agent.strategy.imports import imports_of
from agent.strategy.localise import Suspect
from agent.strategy.parsing import parse
from agent.strategy.questions import ask_about, question_of, tail
from agent.strategy.regions import Region, fenced
from agent.strategy.reported import reported
from agent.strategy.tracebacks import without_tracebacks
from agent.strategy.work import Work
from prompts import render
from tools.files import write_text

REPRODUCTION = "reproduction.py"  # its file, outside the repository
ATTEMPTS = 4
MAX_CHECKS = 6
_SCRIPT_TOKENS = 400
_LONG_MESSAGE = 20  # letters of an error's message that is no other's by chance
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_MESSAGE = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*(?:Error|Exception): .+?)\s*$", re.MULTILINE)
_FRAME = re.compile(r'^ *File "([^"\n]+)", line \d+', re.MULTILINE)
_PLACE = re.compile(rf'{re.escape(REPRODUCTION)}", line (\d+), in <module>')
_HANGS = re.compile(
    r"\b(?:hangs?|hung|hanging|freezes|freezing|stuck|deadlocks?|endless(?:ly)?|infinite(?:ly)? loops?|for ?ever"
    r"|(?:never|does(?: not|n't)|do(?: not|n't)) (?:end|stop|finish|terminate|complete|come back)(?:e?s)?"
    r"|never returns?)\b",
    re.IGNORECASE,
)
_ALARM = "import signal\n\nsignal.alarm(20)  # it must not take longer\n"
_ALARMED = 128 + 14
_UNCAUGHT = {1, 130}
_SECONDS = 60.0
_MOST_SLOW = 2
"""Scripts that don't end in time before no more are run."""
_NONE = "none of these"
_AGREE = 2  # of up to three times that it is asked
_OWN_FAULT = {"SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError"}


@dataclass(frozen=True)
class Reproduction:
    """A script that fails on the base commit, and the run that showed it."""

    script: str
    failure: TestsRan
    made_up: bool = False
    """Whether the model wrote it, so that it may well be wrong."""


def shows_problem(output: str, exit_code: int, issue: str) -> bool:
    """Whether a failing script failed by an assertion, by an error that the issue names, or by hanging as it says.

    An error that another one was raised from counts where the issue has its message, too.
    """
    if exit_code == _ALARMED:
        return bool(_HANGS.search(issue))
    if exit_code not in _UNCAUGHT:
        return False
    last = output.partition("\nException ignored in")[0].rpartition("Traceback (most recent call last)")[2]
    raised = _RAISED.findall(last)
    if not raised:
        return False
    messages = (line for line in _MESSAGE.findall(output) if len(line) >= _LONG_MESSAGE)
    if any(line in issue for line in messages):
        return True
    error = raised[-1].rpartition(".")[2]
    if error == "AssertionError":
        return True
    frames = _FRAME.findall(last)
    own = error in _OWN_FAULT and (not frames or frames[-1].endswith(REPRODUCTION))
    return not own and bool(re.search(rf"\b{re.escape(error)}\b", issue))


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
    issue = re.sub(r"\r+\n?", "\n", work.issue.text)
    known = definitions(work.sources, issue)
    if shown := reported(issue, known):
        work.session.emit(PhaseBegan(phase="reproduce", detail="by the code in the issue"))
        imports = await imports_of(work, frozenset().union(*(code.unbound for code in shown)))
        if found := await _failing(work, checks_of(issue, shown, imports)):
            return found
    examples = find_examples(without_tracebacks(issue), known)
    if examples:
        work.session.emit(PhaseBegan(phase="reproduce", detail="by the examples of the issue"))
        checks = [Check(example.check, script_for(example, known), sure=True) for example in examples]
        if found := await _failing(work, checks):
            return found
    work.session.emit(PhaseBegan(phase="reproduce", detail=f"from the issue, for {regions[0].title}"))
    written = await _write(work, regions[0])
    return [written] if written else []


async def _failing(work: Work, checks: list[Check]) -> list[Reproduction]:
    """The checks that fail as the issue says, the one that it means first, by the model's word; none where it says so.

    One that leaves no doubt is taken without asking.
    """
    alarm = _ALARM if _HANGS.search(work.issue.text) else ""
    failing: list[tuple[Check, Reproduction]] = []
    slow = 0
    for check in checks:
        script = _alarmed(check.script, alarm)
        ran = await run_script(work, script, about=check.words)
        if ran.passed and check.shown:
            script = _alarmed(check.shown, alarm)
            ran = await run_script(work, script, about=f"{check.words}, and none when it is shown")
        slow += ran.ended != "exited"
        shows = shows_problem(ran.output, ran.exit_code, work.issue.text)
        begins = check.line + (alarm.count("\n") if script.startswith(alarm) else 0)
        if not ran.passed and shows and _failed_from(begins, ran):
            failing.append((check, Reproduction(script, ran)))
        if len(failing) == MAX_CHECKS or slow == _MOST_SLOW:
            break
    await work.snapshots.restore(work.base_tree)  # what they wrote is none of the next one's business
    if not failing:
        return []
    if len(failing) == 1 and failing[0][0].sure:
        return [failing[0][1]]
    meant = await _choose(work, [check.words for check, _ in failing])
    return [found for _, found in sorted(failing, key=lambda pair: pair[0].words != meant)] if meant else []


def _alarmed(script: str, alarm: str) -> str:
    return script if "from __future__" in script else alarm + script


def _failed_from(line: int, ran: TestsRan) -> bool:
    """Whether a script failed in this line of its or behind it, as far as its output tells."""
    lines = _PLACE.findall(ran.output)
    return not lines or int(lines[-1]) >= line


async def _choose(work: Work, checks: list[str]) -> str:
    """The check that the issue says must hold, by most of the model's words; empty for none of them.

    Small models like what stands first or last: asked again, they see another order.
    """
    listed = [*checks, _NONE]
    votes: Counter[str] = Counter()
    for order in (listed, listed[::-1], listed[len(listed) // 2 :] + listed[: len(listed) // 2]):
        if work.exhausted():
            break
        votes[await _chosen(work, order)] += 1
        if votes.most_common(1)[0][1] == _AGREE:
            break
    chosen, count = votes.most_common(1)[0] if votes else (checks[0], _AGREE)
    if count < _AGREE:
        return checks[0]
    return "" if chosen == _NONE else chosen


async def _chosen(work: Work, checks: list[str]) -> str:
    """What the model says of them in this order; the first where it names none."""
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
            max_tokens=work.reply_tokens(_SCRIPT_TOKENS),
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
            found = Reproduction(script, ran, made_up=True)
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
    command = f'PYTHONPATH="$PWD:$PWD/src" python3 {near}'
    ran = await work.tests.run("reproduction", command=command, about=about, limit=_SECONDS)
    work.session.emit(ran)
    return ran
