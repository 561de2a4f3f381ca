"""Choosing among changes that the tests don't tell apart, for both strategies.

By the documented examples that fail, by how many changes mean the same, by a question to the model, by size.
"""

from __future__ import annotations

import ast
import difflib
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.code.python_ast import parse
from agent.model.schemas import object_of
from agent.model.types import Request
from agent.repo.diffs import read_changed_lines, read_diff
from agent.run.run import Run
from agent.text import truncate
from prompts import render

_MAX_COMPARED, _MAX_SMALL_COMPARED = 4, 6
"""Changes that the model is shown; the second of those that change a function a little."""
_ANSWER_TOKENS = 1024
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Proposal:
    """A change to choose: `patch` is what the model is shown, `meaning` the same for changes that do the same.

    `size` is in changed lines, `failed_examples` the number of documented examples that fail with it.
    """

    patch: str
    meaning: str
    size: int
    failed_examples: int = 0


def proposal_of_patch(patch: str) -> Proposal:
    """A change that is known as a patch alone."""
    return Proposal(patch, normalised_patch(patch), changed_lines(patch))


def proposal_of_files(before: Mapping[str, str], after: Mapping[str, str], failed_examples: int = 0) -> Proposal:
    """A change of whole files, path → text."""
    patch, size = "", 0
    for path, text in sorted(after.items()):
        old, new = before.get(path, "").split("\n"), text.split("\n")
        patch += "\n".join(difflib.unified_diff(old, new, path, path, n=1, lineterm="")) + "\n"
        opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        size += sum(max(end - start, stop - at) for tag, start, end, at, stop in opcodes if tag != "equal")
    meaning = "\n".join(f"{path}\n{_meaning_of_source(path, text)}" for path, text in sorted(after.items()))
    return Proposal(patch, meaning, size, failed_examples)


def changed_lines(patch: str) -> int:
    """How many lines a patch adds or removes; all that it has where it can't be read."""
    files = read_diff(_bytes(patch))
    return sum(file.added + file.removed for file in files) if files else patch.count("\n")


def normalised_patch(patch: str) -> str:
    """The same for patches that differ only in their line numbers, in blanks and in blank lines."""
    lines = read_changed_lines(_bytes(patch))
    if lines is None:
        return patch
    texts = ((line, " ".join(line.text.split())) for line in lines)
    return "\n".join(f"{line.sign}{line.path}: {text}" for line, text in texts if text)


def _bytes(patch: str) -> bytes:
    return patch.encode("utf-8", "surrogateescape")


def _meaning_of_source(path: str, text: str) -> str:
    """The same for texts that differ in comments, blanks and documentation only."""
    tree = parse(text) if path.endswith(".py") else None
    if tree is None:
        return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def leading(proposals: Sequence[Proposal]) -> list[int]:
    """The places of the best: with the fewest failed examples, then with the most that mean the same.

    One for each meaning, the smaller change first, then the earlier.
    """
    fewest = min(each.failed_examples for each in proposals)
    places = [at for at, each in enumerate(proposals) if each.failed_examples == fewest]
    votes = Counter(proposals[at].meaning for at in places)
    most = max(votes.values())
    firsts: dict[str, int] = {}
    for at in places:
        if votes[proposals[at].meaning] == most:
            firsts.setdefault(proposals[at].meaning, at)
    return sorted(firsts.values(), key=lambda at: (proposals[at].size, at))


async def choose(run: Run, proposals: Sequence[Proposal], *, source: str = "") -> tuple[int, str]:
    """The place of the change to take, and why. Raises `BackendError`s.

    With `source`, the code that all of them change a little, the model is shown that, too, and the changes in the
    order in which they come; without, in one drawn by the seed.
    """
    if len(proposals) == 1:
        return 0, "the only one"
    best = leading(proposals)
    if len(best) == 1:
        votes = sum(each.meaning == proposals[best[0]].meaning for each in proposals)
        return best[0], f"{votes} of {len(proposals)} made this change"
    best = best[: _MAX_SMALL_COMPARED if source else _MAX_COMPARED]
    patches = [proposals[at].patch for at in best]
    answer = None if run.context.exhausted_budget() else await _compare(run, patches, source)
    if answer is None:
        return best[0], "the smallest change"
    return best[answer], "chosen by the model from a comparison"


async def _compare(run: Run, patches: Sequence[str], source: str) -> int | None:
    """The place of the model's choice; None where it gave none."""
    model, room = run.model, run.model.budget.prompt
    order = list(range(len(patches)))
    if not source:
        random.Random(model.backend.sampling.seed or 0).shuffle(order)
    question = render(
        "compare_changes",
        issue=truncate(run.context.issue.text, room // 4),
        source=truncate(source, room // 4) if source else "",
        changes=[truncate(patches[at], room // (4 * len(order) if source else 2 * len(order))) for at in order],
    )
    numbers = list(range(1, len(order) + 1))
    request = Request(
        messages=[{"role": "user", "content": question}],
        max_tokens=min(model.budget.reply, _ANSWER_TOKENS),
        json_schema=object_of(choice={"type": "integer", "enum": numbers}),
        sampling=model.sampling(0.0, 0),
        slot="side",
    )
    reply = await model.complete_structured(request)
    run.session.emit(model.reply_event(reply, "compare"))
    found = [int(number) for number in _NUMBER.findall(reply.content[-200:])]
    return order[found[-1] - 1] if found and found[-1] in numbers else None
