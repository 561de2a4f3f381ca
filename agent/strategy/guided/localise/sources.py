"""The texts that guided looks at: of a small repository all, of a large one what the issue may be about."""

from __future__ import annotations

from collections.abc import Collection

from anyio import to_thread

from agent.code.paths import is_test
from agent.code.ranking import rank
from agent.session.events import TestsRan
from agent.strategy.guided.issue.stack_traces import issue_frames
from agent.strategy.guided.localise.suspects import MAX_RANKED, MAX_TESTS, failure_places, find_seeds
from agent.strategy.guided.state import GuidedState, Place

_MAX_SOURCE_BYTES = 200_000
_MANY_SOURCES = 300
"""Files, of more than which those are read that the index ranks."""
_SUFFIXES = (".py", ".js", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".rb", ".php", ".c", ".cpp", ".cs", ".sh")


async def load_sources(guided: GuidedState, failure: TestsRan | None, executed: Collection[Place] = ()) -> None:
    """Read the source files that may matter, at the base commit; what is too large or no text is left out.

    Of a large repository these are the files that the index ranks for the issue and its failure, those named there,
    and those of the functions that were `executed`. Brings the index up to date.
    """
    repository = guided.context.repository
    entries = [
        each for each in repository.entries() if each.path.endswith(_SUFFIXES) and each.mode in {"100644", "100755"}
    ]
    await to_thread.run_sync(guided.index.refresh)
    if len(entries) > _MANY_SOURCES:
        near = _near(guided, failure) | {path for path, _ in executed}
        entries = [each for each in entries if each.path in near]
    for entry, data in repository.blobs([each for each in entries if each.path not in guided.sources]):
        if len(data) <= _MAX_SOURCE_BYTES and b"\0" not in data:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if "\r\n" in text:
                guided.crlf.add(entry.path)
            guided.sources[entry.path] = text.replace("\r\n", "\n")


def _near(guided: GuidedState, failure: TestsRan | None) -> set[str]:
    """The files that the issue may be about, those that it or the failure names, and those of the failing tests."""
    index, issue, root = guided.index, guided.issue, guided.workspace.root
    failing = failure.failures[:MAX_TESTS] if failure else []
    seeds = find_seeds(index, guided.sources, issue, failure, root)
    ranked = rank(index, "\n".join([issue, *failing]), seeds, limit=MAX_RANKED, exclude=is_test)
    found = {each.definition.path for each in ranked} | {frame.path for frame in issue_frames(issue, index.paths)}
    found |= {path for path, _ in failure_places(failure, root)} if failure else set()
    return found | {path for path in index.paths if any(path in name for name in failing)}
