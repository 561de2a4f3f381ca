"""Which evidence `guided` finds in the problem statements of repository tasks, by rule: no model, no repository.

::

    python -m benchmarks.fixing.evidence FILE [--checks]

prints a Markdown table, a row for each issue; `--checks` lists what was found below it. Only the text is read: every
name in it counts as one that the repository defines, every name that its code leaves unbound as one that can be
imported, and stack traces are looked up among the files that the reference fix changes. Whether a check fails as the
issue says, only a run can tell.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.code.code_blocks import CodeBlock, code_blocks
from agent.strategy.guided.issue.expected_values import expected_values
from agent.strategy.guided.issue.prose import prose_calls, prose_of
from agent.strategy.guided.issue.stack_traces import issue_frames
from agent.strategy.guided.reproduce.checks import Check, checks_of, differences_of, runnable

_NAME = re.compile(r"[A-Za-z_]\w*")
_CHANGED = re.compile(r"^--- a/(\S+)", re.MULTILINE)
_COLUMNS = (
    "code blocks", "runnable", "expected values", "no error", "value shown", "value", "values in order", "error",
    "difference", "call in prose: no error", "call in prose: value", "call in prose: error", "frames in fixed files",
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What one issue gives: figures by rule, and what they stand for, a line each."""

    counts: Counter[str]
    lines: tuple[str, ...]


def evidence_of(issue: str, patch: str) -> Evidence:
    """The evidence in a problem statement; `patch` is the reference fix."""
    issue = re.sub(r"\r+\n?", "\n", issue)
    blocks = code_blocks(issue)
    prose = prose_of(issue, blocks)
    values = expected_values(prose)
    frames = issue_frames(issue, set(_CHANGED.findall(patch)))
    found = {
        "code blocks": len(blocks),
        "runnable": sum(1 for _ in runnable(blocks, _imports(blocks))),
        "expected values": len(values),
        "frames in fixed files": len(frames),
    }
    checks = [*checks_of(issue, blocks, _imports(blocks)), *differences_of(issue, blocks, _imports(blocks))]
    calls = prose_calls(prose, set(_NAME.findall(issue))) if not found["runnable"] else []
    named = [("", check) for check in checks]
    named += [("call in prose: ", check) for check in checks_of(issue, calls, _imports(calls))]
    counts = Counter(found) + Counter(f"{prefix}{check.rule}" for prefix, check in named)
    counts["value shown"] = sum(check.rule == "no error" and check.stricter is not None for check in checks)
    return Evidence(counts, (*map(_line, named), *(f"value {value}" for value in values), *map(str, frames)))


def _imports(blocks: list[CodeBlock]) -> dict[str, str]:
    return {name: f"import {name}" for block in blocks for name in block.unbound}


def _line(named: tuple[str, Check]) -> str:
    prefix, check = named
    return f"{prefix}{check.rule}: {check.words}{' (unambiguous)' if check.unambiguous else ''}"


def table(found: dict[str, Evidence]) -> Iterator[str]:
    """The lines of a Markdown table: a row for each issue, then the sums, and how many issues have any."""
    yield f"| issue | {' | '.join(_COLUMNS)} |"
    yield f"| --- |{' ---: |' * len(_COLUMNS)}"
    for name, evidence in found.items():
        yield f"| {name} | {' | '.join(str(evidence.counts[column] or '') for column in _COLUMNS)} |"
    every = [evidence.counts for evidence in found.values()]
    yield f"| all | {' | '.join(str(sum(counts[column] for counts in every)) for column in _COLUMNS)} |"
    yield f"| issues | {' | '.join(str(sum(counts[column] > 0 for counts in every)) for column in _COLUMNS)} |"


def main() -> int:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="JSON lines with SWE-bench's columns")
    parser.add_argument("--checks", action="store_true", help="list what was found below the table")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text(encoding="utf-8").splitlines()]
    found = {row["instance_id"]: evidence_of(row["problem_statement"], row["patch"]) for row in rows}
    print("\n".join(table(found)))
    for name, evidence in found.items() if options.checks else ():
        print(f"\n{name}", *evidence.lines, sep="\n    ")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
