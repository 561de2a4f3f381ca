"""Small changes that a program makes up, tried by the failing test in one go; the model picks among those that pass."""

from __future__ import annotations

import difflib
import io
import shlex
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.code.regions import Region
from agent.model.dialects import loads
from agent.model.schemas import object_of
from agent.model.types import Request
from agent.session.events import PhaseBegan
from agent.strategy.guided.prompts import question
from agent.strategy.guided.repair.mutations import small_changes
from agent.strategy.guided.state import GuidedState
from agent.strategy.guided.validate.choose import Candidate
from agent.strategy.guided.validate.trials import Trials
from agent.text import truncate
from prompts import render

SECONDS = 60.0
"""For all the runs, or a quarter of the time limit where that is less."""
_SLOW = 5.0  # a test that takes longer allows too few runs
_BATCH = 40
_ENOUGH = 6
_PLACE = "variants"

_SCRIPT = """export PYTHONDONTWRITEBYTECODE=1
found=0
for one in {place}/*; do
  cat -- "$one" > {target}
  if timeout -k 1 {limit} sh -c {command} >/dev/null 2>&1 </dev/null; then
    echo "passes:${{one##*/}}"
    found=$((found + 1))
    [ "$found" -ge {enough} ] && break
  fi
done
rm -rf {place}
"""


@dataclass(frozen=True)
class Varied:
    """Candidates that pass all tests, and the one the model picked of them."""

    passing: tuple[Candidate, ...]
    picked: Candidate | None


async def vary(guided: GuidedState, trials: Trials, regions: Sequence[Region]) -> Varied:
    """Try small changes to Python functions, as many as there is time for. Raises `BackendError`s, `SandboxLost`."""
    limit = guided.context.settings.time_limit
    deadline = time.monotonic() + min(SECONDS, limit / 4 if limit else SECONDS)
    found: list[Candidate] = []
    for region in regions:
        texts = small_changes(trials.sources[region.path], region) if region.path.endswith(".py") else []
        if not texts or not trials.command or trials.seconds > _SLOW:
            continue
        guided.session.emit(PhaseBegan(phase="vary", detail=f"{len(texts)} small changes to {region.title}"))
        for at in range(0, len(texts), _BATCH):
            if time.monotonic() >= deadline or len([each for each in found if not each.doubts]) >= _ENOUGH:
                break
            batch = texts[at : at + _BATCH]
            for number in await _run(guided, trials, region, batch, deadline - time.monotonic()):
                title = f"a small change in {region.title}"
                files = {region.path: batch[number]}
                candidate = Candidate(trials.count + 1, title, files, names=(region.short_name,))
                verdict = await trials.run(candidate)
                if verdict.kind == "passes":
                    found.append(replace(candidate, doubts=verdict.doubts))
        if found:
            fewest = min(each.doubts for each in found)
            best = [each for each in found if each.doubts == fewest]
            return Varied(tuple(found), await _picked(guided, region, best, trials.sources))
    return Varied((), None)


async def _run(guided: GuidedState, trials: Trials, region: Region, texts: Sequence[str], seconds: float) -> list[int]:
    """Which of the texts pass what must pass first; the workspace is as before afterwards."""
    sandbox = guided.workspace.sandbox
    place = sandbox.workspace.private / _PLACE
    crlf = region.path in guided.crlf
    data = _tar([text.replace("\n", "\r\n") if crlf else text for text in texts])
    name = shlex.quote(str(place))
    made = await sandbox.exec(f"rm -rf {name} && mkdir -p {name} && tar -xf - -C {name}", stdin=data, timeout=60)
    if not made.ok:
        return []
    script = _SCRIPT.format(
        place=name,
        target=shlex.quote(region.path),
        limit=max(2, round(3 * trials.seconds + 1)),
        command=shlex.quote(trials.command),
        enough=_ENOUGH,
    )
    inside = f"cd {shlex.quote(str(sandbox.workspace.repo))} && {script}"
    try:
        ran = await sandbox.exec(f"({inside})", timeout=max(seconds, 1.0), capture=1 << 16)
    finally:
        await guided.workspace.snapshots.restore(trials.tree)
    lines = ran.output.text().splitlines()
    told = [line.removeprefix("passes:") for line in lines if line.startswith("passes:")]
    return [int(each) for each in told if each.isdecimal() and int(each) < len(texts)]


def _tar(texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, text in enumerate(texts):
            data = text.encode()
            info = tarfile.TarInfo(f"{number:04d}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


async def _picked(
    guided: GuidedState, region: Region, found: Sequence[Candidate], sources: Mapping[str, str]
) -> Candidate | None:
    """The one that the model takes for the right one; the only one without asking."""
    if len(found) == 1 or guided.context.exhausted_budget():
        return found[0]
    changes = [_diff(sources[region.path], candidate.files[region.path]) for candidate in found]
    schema = object_of(right={"type": "integer", "minimum": 1, "maximum": len(found)})
    text = render(
        "guided_pick",
        issue=truncate(guided.context.issue.text, guided.model.budget.prompt // 5),
        path=region.path,
        source=truncate(region.source, guided.model.budget.prompt // 4),
        changes=changes,
    )
    request = Request(
        messages=[question(text)],
        max_tokens=guided.model.reply_tokens(40),
        json_schema=schema,
        sampling=guided.model.sampling(0.0, 0),
    )
    reply = await guided.model.complete_structured(request)
    guided.session.emit(guided.model.reply_event(reply, "pick"))
    answer = loads(reply.content)
    number = answer.get("right") if isinstance(answer, dict) else None
    return found[number - 1] if isinstance(number, int) and 1 <= number <= len(found) else found[0]


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), n=1, lineterm="")
    return "\n".join(list(lines)[3:])
