"""Mechanical changes, tried by the failing test in one go; the model picks among those that pass."""

from __future__ import annotations

import io
import shlex
import tarfile
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

from agent.code.mutations import mutations
from agent.code.paths import is_test
from agent.code.regions import Region
from agent.session.events import PhaseBegan
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.candidates import Candidate
from agent.strategy.guided.validate.doctests import count_failing_examples, examples_beside
from agent.strategy.guided.validate.trials import Trials
from agent.strategy.patch_selection import choose
from tools.files import write_text

_MAX_SECONDS = 60.0
"""For all the runs, or a quarter of the time limit where that is less."""
_SLOW = 5.0
"""Seconds of a test; one that takes longer allows too few runs."""
_BATCH = 40
_ENOUGH = 6
_MAX_TESTS = 1000  # files that are read for the examples they have
_SCRIPT = "try_variants.sh"
_DIRECTORY = "variants"


async def passing_mutation(guided: GuidedState, trials: Trials, regions: Sequence[Region]) -> Candidate | None:
    """A mechanical change to the first Python function that has one which passes, picked by the model.

    As many are tried as there is time for. Raises `BackendError`s, `SandboxLost`.
    """
    limit = guided.context.settings.time_limit
    deadline = time.monotonic() + min(_MAX_SECONDS, limit / 4 if limit else _MAX_SECONDS)
    if not trials.command or trials.seconds > _SLOW:
        return None
    for region in regions:
        source = trials.sources[region.path]
        texts = mutations(source, region) if region.path.endswith(".py") else []
        if texts:
            guided.session.emit(PhaseBegan(phase="vary", detail=f"{len(texts)} small changes to {region.title}"))
        found: list[Candidate] = []
        for at in range(0, len(texts), _BATCH):
            left = deadline - time.monotonic()
            if left <= 0 or sum(not each.failing_examples for each in found) >= _ENOUGH:
                break
            found += await _try_batch(guided, trials, region, texts[at : at + _BATCH], left)
        if found:
            different = {each.proposal(trials.sources): each for each in found}
            proposals = list({each.meaning: each for each in reversed(different)}.values())[::-1]
            place, _ = await choose(guided.run, proposals, source=region.source)
            chosen = different[proposals[place]]
            return replace(chosen, is_guess=not await _is_documented(guided, trials, region.path, chosen))
    return None


async def _is_documented(guided: GuidedState, trials: Trials, path: str, candidate: Candidate) -> bool:
    """Whether a documented example that no test has fails without a candidate and passes with it."""
    repository = guided.context.repository
    tests = [entry.path for entry in repository.entries() if entry.path.endswith(".py") and is_test(entry.path)]
    texts = [(repository.read_file(each) or b"").decode("utf-8", "replace") for each in tests[:_MAX_TESTS]]
    known = "\n".join([guided.required.script, *texts])
    examples = examples_beside(trials.sources[path], candidate.names, known) if guided.rules.doctests else []
    if not examples:
        return False
    before = await count_failing_examples(guided, path, candidate.names, examples)
    await trials.write(candidate)
    try:
        return await count_failing_examples(guided, path, candidate.names, examples) < before
    finally:
        await guided.workspace.snapshots.restore(trials.tree)


async def _try_batch(
    guided: GuidedState, trials: Trials, region: Region, texts: Sequence[str], seconds: float
) -> list[Candidate]:
    """Those of the texts that pass all tests."""
    found = []
    for number in await _run(guided, trials, region, texts, seconds):
        title, names = f"a small change in {region.title}", (region.short_name,)
        verdict = await trials.run(Candidate(title, {region.path: texts[number]}, names))
        if verdict.outcome == "passes":
            found.append(Candidate(title, {region.path: texts[number]}, names, verdict.failing_examples, is_guess=True))
    return found


async def _run(guided: GuidedState, trials: Trials, region: Region, texts: Sequence[str], seconds: float) -> list[int]:
    """Which of the texts pass what must pass first, by their places; the workspace is as before afterwards."""
    sandbox = guided.workspace.sandbox
    directory, script = sandbox.workspace.private / _DIRECTORY, sandbox.workspace.private / _SCRIPT
    crlf = region.path in guided.crlf
    archive = _tar([text.replace("\n", "\r\n") if crlf else text for text in texts])
    name = shlex.quote(str(directory))
    made = await sandbox.exec(f"rm -rf {name} && mkdir -p {name} && tar -xf - -C {name}", stdin=archive, timeout=60)
    if not made.ok:
        return []
    await write_text(sandbox, script, files(__package__).joinpath(_SCRIPT).read_text("utf-8"))
    limit = max(2, round(3 * trials.seconds + 1))
    arguments = [str(script), str(directory), region.path, trials.command, str(limit), str(_ENOUGH)]
    command = f"(cd {shlex.quote(guided.workspace.root)} && sh {shlex.join(arguments)})"
    try:
        ran = await sandbox.exec(command, timeout=max(seconds, 1.0), capture=1 << 16)
    finally:
        await guided.workspace.snapshots.restore(trials.tree)
    lines = ran.output.text().splitlines()
    names = [line.removeprefix("passes:") for line in lines if line.startswith("passes:")]
    return [int(each) for each in names if each.isdecimal() and int(each) < len(texts)]


def _tar(texts: Sequence[str]) -> bytes:
    """An archive of the texts, named by their places so that they sort by them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, text in enumerate(texts):
            data = text.encode("utf-8", "replace")
            info = tarfile.TarInfo(f"{number:04}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
