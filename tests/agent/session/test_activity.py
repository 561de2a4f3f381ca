"""What the steps did is the program's own account, by the calls and what came of them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.types import ToolCall
from agent.session.activity import MAX_ACTIONS, MAX_FILES, Activity
from agent.session.events import AttemptBegan, Event, ModelReplied, Observed, StrategyChanged, TestsRan


def made(
    name: str, ok: bool = True, content: str = "out", meta: dict[str, Any] | None = None, **arguments: Any
) -> list[Event]:
    call = ToolCall(id="abcdefghi", name=name, arguments=json.dumps(arguments))
    return [
        ModelReplied(content="", tool_calls=[call]),
        Observed(call_id=call.id, name=name, ok=ok, content=content, meta=meta or {}),
    ]


def of(*events: list[Event]) -> Activity:
    activity = Activity()
    for event in (each for group in events for each in group):
        activity.add(event)
    return activity


def test_files_are_read_and_changed_by_calls_that_did_it() -> None:
    activity = of(
        made("read_file", path="./a.py"),
        made("read_file", path="b//c.py"),
        made("read_file", ok=False, path="gone.py"),
        made("edit_file", path="a.py", old="x", new="y"),
        made("write_file", file_path="d.py", content="x"),
        made("edit_file", ok=False, path="e.py", old="x", new="y"),
    )
    assert activity.files_read == ["b/c.py"]
    assert activity.files_changed == ["a.py", "d.py"]


def test_a_patch_names_the_files_it_changed() -> None:
    unified = "--- a/one.py\n+++ b/one.py\n@@ -1 +1 @@\n-x\n+y\n--- /dev/null\n+++ b/two.py\n@@ -0,0 +1 @@\n+z\n"
    own = "*** Begin Patch\n*** Update File: three.py\n*** Move to: four.py\n@@\n-a\n+b\n*** End Patch"
    activity = of(made("apply_patch", patch=unified), made("apply_patch", patch=own))
    assert activity.files_changed == ["one.py", "two.py", "three.py", "four.py"]


def test_a_command_is_told_with_its_outcome() -> None:
    activity = of(
        made("shell", ok=False, content="one\ntwo failed\n[exit code 1]", meta={"exit_code": 1}, command="make\n test")
    )
    assert list(activity.actions) == ["shell make test → exit code 1: two failed"]


def test_the_last_tests_are_those_that_ran_last() -> None:
    activity = of(made("run_tests", content="$ pytest\n1 failed\n[exit code 1]", meta={"exit_code": 1}))
    assert "1 failed" in activity.last_tests
    ran = TestsRan(
        phase="candidate",
        command="pytest",
        exit_code=1,
        passed=False,
        ended="exited",
        seconds=1,
        output="",
        failures=["t1"],
    )
    activity.add(ran)
    assert activity.last_tests == "`pytest` failed: t1"
    activity.add(ran.model_copy(update={"phase": "before", "failures": []}))
    assert activity.last_tests == "`pytest` failed: t1"


def test_the_plan_is_the_last_one_that_was_taken() -> None:
    activity = of(
        made("plan", content="(steps is meant)\n[ ] one\n[x] two"), made("plan", ok=False, content="no steps")
    )
    assert activity.plan == "[ ] one\n[x] two"


def test_another_attempt_begins_with_nothing_done() -> None:
    for event in (AttemptBegan(number=2, of=2), StrategyChanged(before="guided", after="agent", reason="r")):
        activity = of(made("edit_file", path="a.py"), made("plan", content="[ ] x"))
        activity.add(event)
        assert (activity.files_changed, activity.plan, list(activity.actions)) == ([], "", [])


def test_it_bounds_itself() -> None:
    activity = of(*(made("read_file", path=f"f{at}.py") for at in range(3 * MAX_FILES)))
    assert len(activity.files_read) == MAX_FILES and len(activity.actions) == MAX_ACTIONS
    assert activity.files_read[-1] == f"f{3 * MAX_FILES - 1}.py"
    assert len(of(made("shell", command="x" * 9_999, content="y" * 9_999, meta={"exit_code": 0})).actions[0]) < 400


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(
    name=st.sampled_from(["read_file", "apply_patch", "shell", "plan", "run_tests", "nonsense"]),
    arguments=st.one_of(
        st.text(max_size=30), st.sampled_from(["[]", "null", '{"path": null}', '{"path": ["a"]}', '{"patch": 3}'])
    ),
    content=st.text(max_size=50),
    ok=st.booleans(),
)
def test_it_takes_whatever_a_model_calls(name: str, arguments: str, content: str, ok: bool) -> None:
    activity = Activity()
    activity.add(ModelReplied(content="", tool_calls=[ToolCall(id="a", name=name, arguments=arguments)]))
    activity.add(Observed(call_id="a", name=name, ok=ok, content=content))
    activity.add(Observed(call_id="b", name=name, ok=ok, content=content))  # whose call is gone
    assert all("\n" not in deed for deed in activity.actions)
