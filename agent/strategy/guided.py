"""The program decides: reproduce, localise, repair one region whole, validate by the tests, again.

For models that can't drive: each question is narrow, and nothing is believed that the tests don't show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from agent.model.types import Reply, Request, ToolCall, new_call_id
from agent.session.events import CandidateMade, Ended, PhaseBegan, TestsRan
from agent.strategy.calls import plan, run_planned
from agent.strategy.localise import Suspect, frames, is_test, localise
from agent.strategy.questions import ask_about, question, tail
from agent.strategy.regions import Region, functions, rewrite
from agent.strategy.reproduce import find_reproductions, run_script
from agent.strategy.work import Work
from agent.verify.tests import describe
from prompts import render

CANDIDATES = 4  # a region, in the first round
_REGIONS = 4
_REPRODUCTIONS = 2  # the likeliest, and one more in case the model chose wrongly
_TEMPERATURES = (0.2, 0.8, 0.8, 1.0)
_MAX_SOURCE_BYTES = 200_000
_MAX_SOURCES = 3000
_SUFFIXES = (".py", ".js", ".ts", ".go", ".rs", ".java", ".rb", ".php", ".c", ".cpp", ".sh")


@dataclass
class _Search:
    """The candidates tried so far."""

    failure: TestsRan
    tried: set[str] = field(default_factory=set)
    count: int = 0


async def work_as_guided(work: Work) -> Ended:
    """Work on the issue; why it ended. Raises `BackendError`s and `SandboxUnavailable`."""
    if work.tests is None:
        return Ended(status="gave_up", reason="no test command is known, so no candidate could be told from another")
    work.sources = load_sources(work)
    if work.baseline is not None and not work.baseline.passed:
        return await _repair(work, work.baseline)
    suspects = localise(work.sources, work.issue.text, "", str(work.sandbox.workspace.repo))
    found = await find_reproductions(work, suspects)
    if not found:
        return Ended(status="gave_up", reason="the tests pass, and no script was found that shows the problem")
    for reproduction in found[:_REPRODUCTIONS]:
        await run_script(work, reproduction.script)  # it is the file that the command runs
        work.reproduction, work.reproduction_script = reproduction.failure.command, reproduction.script
        ended = await _repair(work, reproduction.failure)
        if ended.status != "gave_up":
            break
    return ended


async def _repair(work: Work, failure: TestsRan) -> Ended:
    """Localise by a failure and try candidates until one passes what failed, and all tests."""
    work.session.emit(PhaseBegan(phase="localise"))
    suspects = localise(work.sources, work.issue.text, failure.output, str(work.sandbox.workspace.repo))
    if not suspects:
        return Ended(status="gave_up", reason="neither the failure nor the issue names any code of the repository")
    chosen = suspects[:_REGIONS]
    names = ", ".join(suspect.region.title for suspect in chosen)
    work.session.emit(PhaseBegan(phase="repair", detail=names))
    search = _Search(failure)
    for round_number in range(2):
        for rank, suspect in enumerate(chosen):
            count = max(1, (work.settings.attempts or CANDIDATES) - rank)
            ended = await _try_region(work, search, suspect, count, feedback=round_number > 0)
            if ended:
                return ended
    return Ended(status="gave_up", reason=f"none of {search.count} candidates passes the tests")


def load_sources(work: Work) -> dict[str, str]:
    """The repository's source files at the base commit, path → text; what is too large or no text is left out."""
    entries = [
        entry
        for entry in work.repository.entries()
        if entry.path.endswith(_SUFFIXES) and entry.mode in {"100644", "100755"}
    ][:_MAX_SOURCES]
    sources = {}
    for entry, data in work.repository.blobs(entries):
        if len(data) <= _MAX_SOURCE_BYTES and b"\0" not in data:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if "\r\n" in text:
                work.crlf.add(entry.path)
            sources[entry.path] = text.replace("\r\n", "\n")
    return sources


async def _try_region(work: Work, search: _Search, suspect: Suspect, count: int, *, feedback: bool) -> Ended | None:
    """Candidates for one region; with `feedback`, each question shows how the one before failed."""
    region = suspect.region
    wanted = render("guided_repair", name=region.short_name)
    test = _check_source(work, search)
    opening = ask_about(work, region, wanted, failure=search.failure, test=test)
    messages = opening
    for number in range(count):
        if reason := work.exhausted():
            return Ended(status="budget", reason=reason)
        temperature = _TEMPERATURES[min(number, len(_TEMPERATURES) - 1)]
        reply = await _candidate(work, messages, region, 0.8 if feedback else temperature, search.count)
        search.count += 1
        text = rewrite(work.sources[region.path], region, reply.content)
        verdict = await _validate(work, search, region, text)
        if verdict is None:
            summary = f"Rewrote {region.title}; the tests pass."
            return Ended(status="submitted", summary=summary)
        if feedback and isinstance(verdict, TestsRan):
            shown = render(
                "guided_failed",
                command=verdict.command,
                failure=tail(verdict.output, work.budget.prompt // 8),
                name=region.short_name,
            )
            messages = [*opening, {"role": "assistant", "content": reply.content}, question(shown)]
    return None


async def _candidate(
    work: Work, messages: list[dict[str, object]], region: Region, temperature: float, number: int
) -> Reply:
    wanted = min(max(3 * len(region.source) // 2, 256), 4096)
    request = Request(
        messages=messages, max_tokens=work.reply_tokens(wanted), sampling=work.sampling(temperature, number)
    )
    reply = await work.ask(request)
    work.session.emit(work.replied(reply, "repair"))
    return reply


def _check_source(work: Work, search: _Search) -> str:
    """The source of what must pass: the reproduction, or the failing test where the failure names it."""
    if work.reproduction:
        return work.reproduction_script
    for path, line in frames(search.failure.output, str(work.sandbox.workspace.repo)):
        if is_test(path) and path in work.sources and path.endswith(".py"):
            for region in functions(path, work.sources[path]):
                if region.start <= line <= region.end:
                    return region.source
    return ""


async def _validate(work: Work, search: _Search, region: Region, text: str | None) -> TestsRan | str | None:
    """Try a candidate: None when it passes; else the failing run, or a word for why it was not run.

    A candidate that fails is undone.
    """
    assert work.tests is not None
    number = search.count

    def made(verdict: str) -> str:
        work.session.emit(CandidateMade(number=number, region=region.title, verdict=verdict))
        return verdict

    if text is None:
        return made("not code for this region")
    if text == work.sources[region.path]:
        return made("unchanged")
    if text in search.tried:
        return made("tried before")
    search.tried.add(text)
    content = text.replace("\n", "\r\n") if region.path in work.crlf else text
    call = ToolCall(
        id=new_call_id(),
        name="write_file",
        arguments=json.dumps({"path": region.path, "content": content}, ensure_ascii=False),
    )
    await run_planned(work, plan(work, [call]))
    for command in filter(None, (work.reproduction, work.tests.command)):
        ran = await work.tests.run("candidate", command=command)
        work.session.emit(ran)
        if not ran.passed:
            made(f"tests {describe(ran)}")
            await work.snapshots.restore(work.base_tree)
            return ran
    await work.snapshot()
    made("passes")
    return None
