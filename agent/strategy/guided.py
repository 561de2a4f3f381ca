"""The program decides: reproduce, localise, repair one region whole, validate by the tests, again.

For models that can't drive: each question is narrow, and nothing is believed that the tests don't show. A search
(search.py) goes through rounds of questions (rounds.py) about the likeliest regions (localise.py); the tests try each
candidate (trial.py), and of several that pass the best is chosen (choose.py).
"""

from __future__ import annotations

import anyio
from anyio import to_thread

from agent.session.events import Ended, PhaseBegan, ReproductionFound, TestsRan
from agent.strategy.checked import run_script
from agent.strategy.equipment import code_index
from agent.strategy.executed import executed
from agent.strategy.localise import Suspect, is_test, localise, places
from agent.strategy.propose import propose
from agent.strategy.ranking import rank_by_model
from agent.strategy.related import related, told_of
from agent.strategy.reproduce import find_reproductions
from agent.strategy.search import Search, search_for
from agent.strategy.tracebacks import told_frames
from agent.strategy.trial import Target
from agent.strategy.work import Work

_REPRODUCTIONS = 2  # the likeliest, and one more in case the model chose wrongly
_PARTS = 4  # how often a part of the failures may be mended before the rest is left
_MAX_SOURCE_BYTES = 200_000
_MANY_SOURCES = 300  # files; more of them are looked at through the index first
_RANKED = 80  # definitions
_FAILING = 20  # tests whose names are looked at
_SUFFIXES = (".py", ".js", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".rb", ".php", ".c", ".cpp", ".cs", ".sh")


async def work_as_guided(work: Work) -> Ended:
    """Work on the issue; why it ended. Raises `BackendError`s and `SandboxUnavailable`."""
    if work.tests is None:
        return Ended(status="gave_up", reason="no test command is known, so no candidate could be told from another")
    failure = work.baseline if work.baseline is not None and not work.baseline.passed else None
    work.sources = await load_sources(work, failure)
    if failure is None or (work.mute and not told_of(failure, work.issue.text)):
        return await _by_reproduction(work) or await propose(work)
    told = related(failure, work.issue.text, work.sources)
    if told or not failure.failures:
        return await _repair(work, Target(failure, told))
    # what fails has nothing to do with the issue, as far as words go: only if nothing else shows the problem
    return await _by_reproduction(work) or await _repair(work, Target(failure, frozenset(failure.failures)))


async def _by_reproduction(work: Work) -> Ended | None:
    """Repair what a script shows that fails as the issue says; None when no such script was found.

    Neither is one that the model wrote and that no candidate satisfies.
    """
    suspects = localise(work.sources, work.issue.text, None, str(work.sandbox.workspace.repo), work.ranked)
    ended = None
    for reproduction in (await find_reproductions(work, suspects))[:_REPRODUCTIONS]:
        await run_script(work, reproduction.script)  # it is the file that the command runs
        where = places(reproduction.failure, str(work.sandbox.workspace.repo))
        if any(path not in work.sources for path, _ in where):
            work.sources |= await load_sources(work, reproduction.failure)
        work.executed = await executed(work, reproduction.script)
        work.reproduction, work.reproduction_script = reproduction.failure.command, reproduction.script
        work.session.emit(ReproductionFound(command=work.reproduction, script=work.reproduction_script))
        doubtful = reproduction.made_up or reproduction.vague
        ended = await _repair(work, Target(reproduction.failure, doubtful=doubtful))
        if reproduction.vague and ended.status == "submitted":  # which verifies nothing
            work.reproduction = work.reproduction_script = ""
        if ended.status != "gave_up":
            break
        if doubtful:
            work.reproduction = work.reproduction_script = ""
            ended = None
    work.executed = frozenset()
    return ended


async def _repair(work: Work, target: Target) -> Ended:
    """Search for a candidate that passes; one that mends a part of the failures is kept, and the rest searched for."""
    sources, tree, tried = work.sources, work.base_tree, 0
    rewritten: list[str] = []
    for _ in range(_PARTS):
        suspects = await _suspects(work, target.failure, sources)
        if not suspects:
            return Ended(status="gave_up", reason="neither the failure nor the issue names any code of the repository")
        search = search_for(work, target, suspects, sources, tree)
        try:
            ended = await search.run()
        except anyio.get_cancelled_exc_class():
            await _keep(work, search)
            raise
        tried += search.trials.count
        chosen = search.chosen()
        if chosen is None:
            if rewritten:
                break
            return ended or Ended(status="gave_up", reason=f"none of {tried} candidates passes the tests")
        await search.trials.place(chosen)
        tree = await work.snapshot()
        sources = {**sources, **chosen.files}
        rewritten.append(chosen.title)
        if search.passing:
            return Ended(status="submitted", summary=f"Rewrote {', '.join(rewritten)}; the tests pass.")
        assert search.rest is not None
        target = search.rest
    return Ended(status="submitted", summary=f"Rewrote {', '.join(rewritten)}; some of the failing tests pass now.")


async def _keep(work: Work, search: Search) -> None:
    """Leave the best candidate so far in the workspace, where the time is over before the search is."""
    chosen = search.chosen()
    if chosen is None:
        return
    with anyio.CancelScope(shield=True):
        await work.snapshots.restore(search.trials.tree)
        await search.trials.place(chosen)
    work.chosen = None  # what was there before this search does not pass
    work.fallback = Ended(status="submitted", summary=f"Rewrote {chosen.title}, when the time was over.")


async def _suspects(work: Work, failure: TestsRan | None, sources: dict[str, str]) -> list[Suspect]:
    work.session.emit(PhaseBegan(phase="localise"))
    return await rank_by_model(
        work, localise(sources, work.issue.text, failure, str(work.sandbox.workspace.repo), work.ranked, work.executed)
    )


async def load_sources(work: Work, failure: TestsRan | None) -> dict[str, str]:
    """The source files that may matter, at the base commit, path → text; what is too large or no text is left out.

    Of a large repository these are the ones that the index ranks for the issue and its failure, and those named there.
    """
    entries = [
        entry
        for entry in work.repository.entries()
        if entry.path.endswith(_SUFFIXES) and entry.mode in {"100644", "100755"}
    ]
    named = await _rank(work, failure)
    if len(entries) > _MANY_SOURCES:
        near = named | {path for path, _ in work.ranked}
        entries = [entry for entry in entries if entry.path in near]
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


async def _rank(work: Work, failure: TestsRan | None) -> set[str]:
    """Have the index rank the code for the issue; the files that the failure names, and those of the failing tests."""
    from agent.code.ranking import rank

    index = code_index(work)
    await to_thread.run_sync(index.refresh)
    named = places(failure, str(work.sandbox.workspace.repo)) if failure else []
    failing = failure.failures[:_FAILING] if failure else []
    text = "\n".join([work.issue.text, *failing])
    found = rank(index, text, dict.fromkeys(named, 1.0), limit=_RANKED, exclude=is_test)
    work.ranked = {(each.definition.path, each.definition.start): each.score for each in found}
    tests = {path for path in index.paths if any(path in name for name in failing)}
    return {path for path, _ in named} | {frame.path for frame in told_frames(work.issue.text, index.paths)} | tests
