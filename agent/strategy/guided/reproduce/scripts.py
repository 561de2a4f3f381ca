"""Which checks fail as the issue says, and which of these it means."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from agent.code.tracebacks import error_lines, frames_in, is_error, last_traceback, raised_error
from agent.model.dialects import loads
from agent.model.schemas import object_of
from agent.model.types import Request
from agent.run.reproduction import REPRODUCTION, run_script
from agent.session.events import TestsRan
from agent.strategy.guided.prompts import ask_of_issue
from agent.strategy.guided.reproduce.assertions import Check
from agent.strategy.guided.state import GuidedState
from prompts import render

MOST = 6
_LONG_MESSAGE = 20  # letters of an error's message that is no other's by chance
_HANGS = re.compile(
    r"\b(?:hangs?|hung|hanging|freezes|freezing|stuck|deadlocks?|endless(?:ly)?|infinite(?:ly)? loops?|for ?ever"
    r"|(?:never|does(?: not|n't)|do(?: not|n't)) (?:end|stop|finish|terminate|complete|come back)(?:e?s)?"
    r"|never returns?)\b",
    re.IGNORECASE,
)
_ALARM = "import signal\n\nsignal.alarm(20)  # it must not take longer\n"
_ALARMED = 128 + 14
_UNCAUGHT = {1, 130}
_MOST_SLOW = 2
"""Scripts that don't end in time before no more are run."""
_NONE = "none of these"
_AGREE = 2  # of up to three times that it is asked
_UNBOUND = "required positional argument: 'self'"  # what a method says that is called without an object
_OWN_FAULT = {"SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError"}


@dataclass(frozen=True)
class Reproduction:
    """A script that fails on the base commit, and the run that showed it."""

    script: str
    failure: TestsRan
    made_up: bool = False
    """Whether the model wrote it, so that it may well be wrong."""
    vague: bool = False
    """Whether it only says that something must change, not into what."""


def shows_problem(output: str, exit_code: int, issue: str) -> bool:
    """Whether a failing script failed by an assertion, by an error that the issue names, or by hanging as it says.

    An error that another one was raised from counts where the issue has its message, too.
    """
    if exit_code == _ALARMED:
        return bool(_HANGS.search(issue))
    if exit_code not in _UNCAUGHT:
        return False
    raised = raised_error(output)
    if not raised:
        return False
    errors = (each for each in error_lines(output) if is_error(each.name) and each.message)
    messages = (f"{each.name.rpartition('.')[2]}: {each.message}" for each in errors)
    if any(line in issue for line in messages if len(line) >= _LONG_MESSAGE):
        return True
    error = raised.rpartition(".")[2]
    if error == "AssertionError":
        return True
    last = last_traceback(output)
    frames = frames_in(last)
    own = error in _OWN_FAULT or (error == "TypeError" and _UNBOUND in last)
    own = own and (not frames or frames[-1].path.endswith(REPRODUCTION))
    return not own and bool(re.search(rf"\b{re.escape(error)}\b", issue))


async def failing(guided: GuidedState, checks: list[Check], *, or_none: bool = True) -> list[Reproduction]:
    """The checks that fail as the issue says, the one that it means first, by the model's word.

    Without `or_none` one of them is meant for sure, else the model may say that none is. One that leaves no doubt is
    taken without asking.
    """
    alarm = _ALARM if _HANGS.search(guided.context.issue.text) else ""
    failing: list[tuple[Check, Reproduction]] = []
    slow = 0
    for first in checks:
        check, ran = first, await _run(guided, first, alarm)
        if ran.passed and first.otherwise is not None:
            check, ran = first.otherwise, await _run(guided, first.otherwise, alarm)
        slow += ran.ended != "exited"
        shows = shows_problem(ran.output, ran.exit_code, guided.context.issue.text)
        script = _alarmed(check, alarm)
        begins = check.line + script.count("\n") - check.script.count("\n")
        if not ran.passed and shows and _failed_from(begins, ran):
            failing.append((check, Reproduction(script, ran)))
        if len(failing) == MOST or slow == _MOST_SLOW:
            break
    await guided.workspace.snapshots.restore(
        guided.workspace.base_tree
    )  # what they wrote is none of the next one's business
    if not failing:
        return []
    if len(failing) == 1 and (failing[0][0].sure or not or_none):
        return [failing[0][1]]
    meant = await _choose(guided, [check.words for check, _ in failing], [_NONE] if or_none else [])
    return [found for _, found in sorted(failing, key=lambda pair: pair[0].words != meant)] if meant else []


async def _run(guided: GuidedState, check: Check, alarm: str) -> TestsRan:
    return await run_script(guided.context, guided.workspace.sandbox, _alarmed(check, alarm), about=check.words)


def _alarmed(check: Check, alarm: str) -> str:
    return check.script if "from __future__" in check.script else alarm + check.script


def _failed_from(line: int, ran: TestsRan) -> bool:
    """Whether a script failed in this line of its or behind it, as far as its output tells."""
    frames = frames_in(ran.output)
    lines = [each.line for each in frames if each.path.endswith(REPRODUCTION) and each.function == "<module>"]
    return not lines or lines[-1] >= line


async def _choose(guided: GuidedState, checks: list[str], more: list[str]) -> str:
    """The check that the issue says must hold, by most of the model's words; empty for `more`, which says none.

    Small models like what stands first or last: asked again, they see another order.
    """
    listed = [*checks, *more]
    votes: Counter[str] = Counter()
    for order in (listed, listed[::-1], listed[len(listed) // 2 :] + listed[: len(listed) // 2]):
        if guided.context.exhausted_budget():
            break
        votes[await _chosen(guided, order)] += 1
        if votes.most_common(1)[0][1] == _AGREE:
            break
    chosen, count = votes.most_common(1)[0] if votes else (checks[0], _AGREE)
    if count < _AGREE:
        return checks[0]
    return "" if chosen == _NONE else chosen


async def _chosen(guided: GuidedState, checks: list[str]) -> str:
    """What the model says of them in this order; the first where it names none."""
    schema = object_of(must_be_true={"enum": checks})
    request = Request(
        messages=ask_of_issue(guided, render("guided_choose", checks=checks)),
        max_tokens=guided.model.reply_tokens(300),
        json_schema=schema,
        sampling=guided.model.sampling(0.2, 0),
    )
    reply = await guided.model.complete_structured(request)
    guided.session.emit(guided.model.reply_event(reply, "choose"))
    found = loads(reply.content)
    chosen = found.get("must_be_true") if isinstance(found, dict) else None
    return chosen if chosen in checks else checks[0]
