"""Of changes that the tests don't tell apart, what most agree on is taken, else what the model says, else the smallest."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from agent.context.budget import WindowBudget
from agent.model.types import Reply, Request, Sampling
from agent.run.run import Run
from agent.strategy.patch_selection import (
    Proposal,
    changed_lines,
    choose,
    leading,
    normalised_patch,
    proposal_of_files,
    proposal_of_patch,
)

HEAD = "diff --git a/a.py b/a.py\nindex {index}..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -{line},{old} +{line},{new} @@\n"


def patch(*changes: str, index: str = "1", line: int = 1) -> str:
    old, new = (sum(change.startswith(sign) for change in changes) for sign in "-+")
    return HEAD.format(index=index, line=line, old=old, new=new) + "\n".join(changes) + "\n"


SUM, OTHER, LONG = patch("-a - b", "+a + b"), patch("-a - b", "+b + a"), patch("-a - b", "+c = a", "+c + b")


class Asked:
    """Stands in for a run: what `choose` needs of it, and what it asked."""

    def __init__(self, answer: Any = None, *, exhausted: str = "", seed: int | None = None) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.said: list[Any] = []
        issue = SimpleNamespace(text="add gives wrong sums")
        self.context = SimpleNamespace(issue=issue, exhausted_budget=lambda: exhausted)
        self.budget = WindowBudget(8192)
        self.backend = SimpleNamespace(sampling=Sampling(seed=seed))
        self.session = SimpleNamespace(emit=self.said.append)
        self.model = self

    def sampling(self, temperature: float, number: int) -> Sampling:
        return Sampling(temperature=temperature)

    async def complete_structured(self, request: Request) -> Reply:
        self.requests.append(request)
        shown = request.messages[0]["content"]
        return Reply(self.answer(shown) if callable(self.answer) else self.answer)

    def reply_event(self, reply: Reply, purpose: str) -> tuple[str, str]:
        return reply.content, purpose


def chosen(asked: Asked, *patches: str) -> tuple[int, str]:
    return anyio.run(choose, cast(Run, asked), [proposal_of_patch(patch) for patch in patches])


def naming(text: str) -> Any:
    """An answer that names the change with a text, wherever it stands."""

    def answer(shown: str) -> str:
        parts = re.split(r"\nChange (\d+):\n", shown)
        return json.dumps(
            {"choice": next(int(n) for n, part in zip(parts[1::2], parts[2::2], strict=True) if text in part)}
        )

    return answer


def test_one_needs_no_choice_and_equal_ones_vote_without_a_question() -> None:
    asked = Asked()
    assert chosen(asked, LONG)[0] == 0
    same = patch("-a - b", "+a  +  b", index="7", line=3)  # elsewhere, other blanks
    assert chosen(asked, LONG, SUM, same) == (1, "2 of 3 made this change")
    assert asked.requests == []


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_the_model_is_asked_once_and_its_choice_is_taken_in_any_order(seed: int | None) -> None:
    asked = Asked(naming("+b + a"), seed=seed)
    assert chosen(asked, SUM, OTHER, LONG)[0] == 1
    (request,) = asked.requests
    assert request.json_schema and request.json_schema["properties"]["choice"]["enum"] == [1, 2, 3]
    assert asked.said[0][1] == "compare"


def test_the_order_is_the_seeds() -> None:
    orders = set()
    for seed in range(6):
        asked = Asked("{}", seed=seed)
        chosen(asked, SUM, OTHER, LONG)
        orders.add(asked.requests[0].messages[0]["content"])
    assert len(orders) > 1


@pytest.mark.parametrize("answer", ["", "neither", '{"choice": 7}', '{"choice": 0}', "9" * 5000])
def test_an_answer_that_is_none_leaves_the_smallest(answer: str) -> None:
    assert chosen(Asked(answer), LONG, SUM) == (1, "the smallest change")


def test_without_budget_nothing_is_asked() -> None:
    asked = Asked(exhausted="all tokens are used up")
    assert chosen(asked, LONG, OTHER)[0] == 1
    assert asked.requests == []


def test_many_large_changes_are_shown_within_the_window() -> None:
    asked = Asked('{"choice": 1}')
    patches = [patch(*(f"+value_{n} = {n * k}" for n in range(5000))) for k in range(1, 9)]
    chosen(asked, *patches)
    assert len(asked.requests[0].messages[0]["content"]) / 3.2 < asked.budget.prompt
    assert asked.requests[0].messages[0]["content"].count("\nChange ") == 4


def test_what_is_normal_leaves_out_place_and_blanks() -> None:
    assert normalised_patch(SUM) == normalised_patch(patch("-a - b", "+a + b", "+", index="9", line=40))
    assert normalised_patch(SUM) != normalised_patch(OTHER)
    assert changed_lines(LONG) == changed_lines(SUM) + 1


def test_the_same_lines_in_another_file_are_another_change() -> None:
    assert normalised_patch(SUM) != normalised_patch(SUM.replace("a.py", "b.py"))


def test_a_patch_that_can_not_be_read_is_none_of_the_small_ones() -> None:
    broken = SUM.replace("@@ -1,1 +1,1 @@", "@@ -1,9 +1,9 @@")
    assert normalised_patch(broken) == broken and changed_lines(broken) > changed_lines(LONG)


BEFORE = {"a.py": "def f(a):\n    b = a\n    return b - 1\n", "b.js": "let x = 1;\n"}


def files(text: str, path: str = "a.py", failed_examples: int = 0) -> Proposal:
    return proposal_of_files(BEFORE, {path: text}, failed_examples)


SMALL = files("def f(a):\n    b = a\n    return b + 1\n")
LARGE = files("def f(a):\n    return 1 + a\n")
LARGE_AGAIN = files('def f(a):\n    """Adds one."""\n\n    return 1 + a  # so\n')


def test_the_size_of_changed_files_is_in_lines_taken_away_or_put_in() -> None:
    assert (SMALL.size, LARGE.size) == (1, 2)
    assert files("one\ntwo\n", "new.py").size == 2
    assert files(BEFORE["a.py"]).size == 0
    assert "-    return b - 1\n+    return b + 1" in SMALL.patch


def test_comments_blanks_and_documentation_mean_nothing() -> None:
    assert LARGE.meaning == LARGE_AGAIN.meaning != SMALL.meaning
    assert files("let  x = 1;\n\n", "b.js").meaning == files("let x = 1;\n", "b.js").meaning
    assert files("let x = 1;\n", "b.js").meaning != files("let x = 2;\n", "b.js").meaning
    assert files("def f(:\n").meaning == files("def f(:\n\n").meaning


def test_the_majority_leads_then_the_smaller_then_the_earlier() -> None:
    assert leading([SMALL, LARGE, LARGE_AGAIN]) == [1]
    assert leading([LARGE, SMALL]) == [1, 0]
    assert leading([SMALL, files("def f(a):\n    b = a\n    return b + 2\n"), LARGE]) == [0, 1, 2]


def test_what_the_documentation_speaks_against_comes_after_what_it_does_not() -> None:
    doubted = files("def f(a):\n    b = a\n    return b + 3\n", failed_examples=1)
    assert leading([doubted, doubted, LARGE]) == [2]
    assert leading([doubted, files("def f(a):\n    return 7\n", failed_examples=2)]) == [0]


def test_small_changes_to_code_are_shown_with_it_and_in_their_order() -> None:
    asked = Asked('{"choice": 2}', seed=3)
    proposals = [proposal_of_patch(each) for each in (SUM, OTHER)]

    async def ask() -> tuple[int, str]:
        return await choose(cast(Run, asked), proposals, source="def add(a, b): ...")

    assert anyio.run(ask)[0] == 1
    shown = asked.requests[0].messages[0]["content"]
    assert "def add(a, b): ..." in shown and shown.index("+a + b") < shown.index("+b + a")
