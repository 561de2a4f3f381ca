"""The texts that guided looks at: of a small repository all, of a large one what the issue may be about."""

from __future__ import annotations

from collections.abc import Collection

from anyio import to_thread

from agent.code.paths import is_test
from agent.run.code_index import code_index
from agent.session.events import TestsRan
from agent.strategy.guided.issue.stack_traces import told_frames
from agent.strategy.guided.localise.suspects import places
from agent.strategy.guided.state import GuidedState

_MAX_SOURCE_BYTES = 200_000
_MANY_SOURCES = 300  # files; more of them are looked at through the index first
_RANKED = 80  # definitions
_FAILING = 20  # tests whose names are looked at
_SUFFIXES = (".py", ".js", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".rb", ".php", ".c", ".cpp", ".cs", ".sh")


async def load_sources(guided: GuidedState, failure: TestsRan | None, ran: Collection[str] = ()) -> dict[str, str]:
    """The source files that may matter, at the base commit, path → text; what is too large or no text is left out.

    Of a large repository these are the ones that the index ranks for the issue and its failure, those named there, and
    those of which something `ran`.
    """
    entries = [
        entry
        for entry in guided.context.repository.entries()
        if entry.path.endswith(_SUFFIXES) and entry.mode in {"100644", "100755"}
    ]
    named = await _rank(guided, failure)
    if len(entries) > _MANY_SOURCES:
        near = named | {path for path, _ in guided.ranked} | set(ran)
        entries = [entry for entry in entries if entry.path in near]
    sources = {}
    for entry, data in guided.context.repository.blobs(entries):
        if len(data) <= _MAX_SOURCE_BYTES and b"\0" not in data:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if "\r\n" in text:
                guided.crlf.add(entry.path)
            sources[entry.path] = text.replace("\r\n", "\n")
    return sources


async def _rank(guided: GuidedState, failure: TestsRan | None) -> set[str]:
    """Have the index rank the code for the issue; the files that the failure names, and those of the failing tests."""
    from agent.code.ranking import rank

    index = code_index(guided.context.repository)
    await to_thread.run_sync(index.refresh)
    named = places(failure, guided.workspace.root) if failure else []
    failing = failure.failures[:_FAILING] if failure else []
    text = "\n".join([guided.context.issue.text, *failing])
    found = rank(index, text, dict.fromkeys(named, 1.0), limit=_RANKED, exclude=is_test)
    guided.ranked = {(each.definition.path, each.definition.start): each.score for each in found}
    tests = {path for path in index.paths if any(path in name for name in failing)}
    return (
        {path for path, _ in named}
        | {frame.path for frame in told_frames(guided.context.issue.text, index.paths)}
        | tests
    )
