"""Which checks fail as the issue says, and which of these the model takes it to mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from agent.code.tracebacks import error_lines, frames_in, is_error, last_traceback, raised_error
from agent.model.schemas import object_of
from agent.run.reproduction import REPRODUCTION, run_script
from agent.session.events import TestsRan
from agent.strategy.guided.prompts import about_issue
from agent.strategy.guided.reproduce.checks import Check
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.state import GuidedState, answer_of
from prompts import render

_MAX_FAILING = 6  # checks that the model chooses among
_MAX_UNENDED = 2  # scripts that don't end in time, before no more are run
_MIN_MESSAGE = 20  # characters of an error's message that is no other's by chance
_UNCAUGHT = {1, 130}  # exit codes of Python where an error, or an interrupt, is not caught
_UNBOUND = "required positional argument: 'self'"  # what a method says that is called without an object
_OWN_FAULTS = {"SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError"}
"""Errors that a script has for its own sake, where they come from its own lines."""
_FAILED_LINE = re.compile(rf'{re.escape(REPRODUCTION)}", line (\d+), in <module>')
_NONE = "none of these"
_MAJORITY = 2  # votes, of up to three
_ANSWER_TOKENS = 300


def shows_problem(output: str, exit_code: int, issue: str) -> bool:
    """Whether a failing script failed by an assertion, or by an error that the issue names.

    An error that another one was raised from counts where the issue has its message, too.
    """
    raised = raised_error(output) if exit_code in _UNCAUGHT else ""
    if not raised:
        return False
    errors = (each for each in error_lines(output) if is_error(each.name) and each.message)
    messages = (f"{each.name.rpartition('.')[2]}: {each.message}" for each in errors)
    error = raised.rpartition(".")[2]
    if error == "AssertionError" or any(line in issue for line in messages if len(line) >= _MIN_MESSAGE):
        return True
    last = last_traceback(output)
    frames = frames_in(last)
    own = error in _OWN_FAULTS or (error == "TypeError" and _UNBOUND in last)
    own = own and (not frames or frames[-1].path.endswith(REPRODUCTION))
    return not own and bool(re.search(rf"\b{re.escape(error)}\b", issue))


async def select_reproductions(
    guided: GuidedState, checks: Sequence[Check], *, may_be_none: bool = True
) -> list[Reproduction]:
    """The checks that fail as the issue says, first the one that most of the model's votes are for.

    With `may_be_none` the model may say that none is meant; without, one is for sure. A single unambiguous one is
    taken without asking. Raises `BackendError`s, `SandboxLost`.
    """
    failing: list[tuple[Check, TestsRan]] = []
    unended = 0
    for first in checks:
        check, ran = first, await _run(guided, first)
        if ran.passed and first.stricter is not None:
            check, ran = first.stricter, await _run(guided, first.stricter)
        unended += ran.ended != "exited"
        shows = not ran.passed and shows_problem(ran.output, ran.exit_code, guided.issue)
        if shows and _failed_from(check.line, ran):
            failing.append((check, ran))
        if len(failing) == _MAX_FAILING or unended == _MAX_UNENDED:
            break
    await guided.workspace.snapshots.restore(guided.workspace.base_tree)  # what they wrote is not for the next
    ask = len(failing) > 1 or (may_be_none and any(not check.unambiguous for check, _ in failing))
    meant = await _vote(guided, [check.words for check, _ in failing], may_be_none) if ask else None
    ordered = sorted(failing, key=lambda pair: pair[0].words != meant)
    return [] if meant == _NONE else [Reproduction(ran, check.script) for check, ran in ordered]


async def _run(guided: GuidedState, check: Check) -> TestsRan:
    return await run_script(guided.context, guided.workspace.sandbox, check.script, about=check.words)


def _failed_from(line: int, ran: TestsRan) -> bool:
    """Whether a script failed in this line of its or behind it, as far as its output tells."""
    lines = _FAILED_LINE.findall(ran.output)
    return not lines or int(lines[-1]) >= line


async def _vote(guided: GuidedState, checks: list[str], may_be_none: bool) -> str:
    """The check that most answers name as what must hold, else the first; `_NONE` where that is what they say.

    Small models like what stands first or last: asked again, they see another order.
    """
    listed = [*checks, _NONE] if may_be_none else checks
    votes: Counter[str] = Counter()
    for order in (listed, listed[::-1], listed[len(listed) // 2 :] + listed[: len(listed) // 2]):
        if guided.context.exhausted_budget():
            break
        schema = object_of(must_be_true={"enum": order})
        messages = about_issue(guided, render("guided_choose", checks=order))
        reply = await guided.ask("choose", messages, schema=schema, tokens=_ANSWER_TOKENS, temperature=0.2)
        named = answer_of(reply).get("must_be_true")
        votes[named if named in order else order[0]] += 1
        if max(votes.values()) == _MAJORITY:
            break
    chosen, count = votes.most_common(1)[0] if votes else (checks[0], 0)
    return chosen if count >= _MAJORITY else checks[0]
