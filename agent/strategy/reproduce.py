"""A script that shows the problem, written from the issue, for repositories whose tests all pass."""

from __future__ import annotations

import re

from agent.model.types import Request
from agent.session.events import PhaseBegan, TestsRan
from agent.strategy.localise import Suspect
from agent.strategy.questions import ask_about, question, tail
from agent.strategy.regions import fenced, parse
from agent.strategy.work import Work
from prompts import render
from tools.files import write_text

ATTEMPTS = 6
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Warning|Interrupt|Exit))\b", re.MULTILINE)
_OWN_FAULT = {"SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError"}


def shows_problem(output: str, exit_code: int, issue: str) -> bool:
    """Whether a failing script failed by an assertion, or by an error that the issue names."""
    if exit_code == 0:
        return False
    raised = _EXCEPTION.findall(output)
    if not raised:
        return False
    last = raised[-1]
    return last == "AssertionError" or (last not in _OWN_FAULT and last in issue)


async def write_reproduction(work: Work, suspects: list[Suspect]) -> bool:
    """Have the model write a script that fails on the base commit, and try it; whether one was found.

    It is kept in `work.reproduction` (the command) and `work.reproduction_script`. The file lies outside the
    repository, so it never gets into the patch.
    """
    suspects = [suspect for suspect in suspects if suspect.region.path.endswith(".py")]
    if not suspects or work.tests is None:
        return False
    region = suspects[0].region
    work.session.emit(PhaseBegan(phase="reproduce", detail=f"from the issue, for {region.title}"))
    module = region.path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").replace("/", ".")
    opening = ask_about(work, region, render("guided_reproduce", module=module))
    messages = opening
    for attempt in range(ATTEMPTS):
        if work.exhausted():
            return False
        sampling = work.sampling(0.2 if attempt == 0 else 0.7, attempt)
        reply = await work.ask(Request(messages=messages, max_tokens=work.reply_tokens(700), sampling=sampling))
        work.session.emit(work.replied(reply, "reproduce"))
        script = fenced(reply.content).strip() + "\n"
        if parse(script) is None or "assert" not in script:
            messages = opening
            continue
        ran = await _try(work, script)
        if shows_problem(ran.output, ran.exit_code, work.issue.text):
            work.reproduction, work.reproduction_script = ran.command, script
            return True
        again = render("guided_reproduce_again", passed=ran.passed, output=tail(ran.output, 300))
        messages = [*opening, {"role": "assistant", "content": reply.content}, question(again)]
    return False


async def _try(work: Work, script: str) -> TestsRan:
    """Run a script outside the repository on the repository's code."""
    assert work.tests is not None
    place = work.sandbox.workspace.private / "reproduction.py"
    repo = work.sandbox.workspace.repo
    await write_text(work.sandbox, place, script)
    ran = await work.tests.run("reproduction", command=f"PYTHONPATH={repo}:{repo}/src python3 {place}")
    work.session.emit(ran)
    return ran
