"""The plan is kept as it was given last, with at most one step in progress."""

from __future__ import annotations

import json
from typing import Any, cast

import anyio
import pytest

from sandbox.protocol import Sandbox
from tools.base import Observation, ToolContext
from tools.registry import OPTIONAL_TOOLS, Registry


def plan(steps: Any, context: ToolContext | None = None) -> Observation:
    context = context or ToolContext(cast(Sandbox, None))
    return anyio.run(Registry(OPTIONAL_TOOLS).run, context, "plan", json.dumps({"steps": steps}))


def test_the_plan_is_shown_and_kept() -> None:
    context = ToolContext(cast(Sandbox, None))
    assert plan("[x] read\n[>] mend\n\n[ ] test", context).text == context.plan == "[x] read\n[>] mend\n[ ] test"
    plan("[x] read\n[x] mend", context)
    assert context.plan == "[x] read\n[x] mend"


@pytest.mark.parametrize(
    "steps",
    [
        "- [X] read\n* [~] mend\n3. test",
        "1. [x] read\n2. [>] mend\n3) [ ] test",
        ["[x] read", "[>] mend", "test"],
        [{"step": "read", "status": "completed"}, {"content": "mend", "status": "in_progress"}, {"title": "test"}],
        [
            {"step": "read", "state": "Done"},
            {"step": "mend", "status": "in-progress"},
            {"step": "te\nst", "status": "?"},
        ],
    ],
)
def test_plans_are_read_as_models_write_them(steps: Any) -> None:
    assert plan(steps).text.replace("te st", "test") == "[x] read\n[>] mend\n[ ] test"


def test_one_step_at_most_is_in_progress() -> None:
    context = ToolContext(cast(Sandbox, None), plan="[ ] before")
    seen = plan("[>] a\n[>] b", context)
    assert not seen.ok and "one at most" in seen.text and context.plan == "[ ] before"


@pytest.mark.parametrize(
    ("steps", "why"), [("", "no steps"), ([], "no steps"), ("x\n" * 21, "20 at most"), (None, "valid string")]
)
def test_what_is_no_plan_is_refused(steps: Any, why: str) -> None:
    seen = plan(steps)
    assert not seen.ok and why in seen.text


def test_a_step_is_bounded() -> None:
    assert len(plan("x" * 5000).text) < 250
