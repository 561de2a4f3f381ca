"""The guided strategy as a whole: rounds of questions, candidates tried and chosen, parts mended one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.faults import Silent
from support import CALC, ScriptedModel
from working import FinishedSession, TimeLimit, work

from agent.errors import UsageError
from agent.strategy.guided.rules import VARIABLE, GuidedRules, rules_from_environment
from agent.strategy.guided.schedule import MAX_CANDIDATES, Round

WRONG = [f"```python\ndef add(a, b):\n    return a * b * {number}\n```" for number in range(2, 20)]
RIGHT = '```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```'


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


def guided(model: ScriptedModel, place: Path, answers: list[Any], **settings: Any) -> FinishedSession:
    model.answers = answers
    return work(model, place, strategy="guided", **settings)


def leave_out(monkeypatch: pytest.MonkeyPatch, *rules: str) -> None:
    """Work without some of the rules."""
    monkeypatch.setenv(VARIABLE, ",".join(rules))


def verdicts(worked: FinishedSession) -> list[str]:
    return [event.verdict for event in worked.of("candidate_made")]


def phases(worked: FinishedSession) -> list[str]:
    return [f"{event.phase} {event.detail}".strip() for event in worked.of("phase_began")]


def test_the_first_candidate_that_passes_by_a_small_change_is_taken(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, [WRONG[0], RIGHT, WRONG[1]])
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.attempts == 2
    assert verdicts(worked)[-1] == "passes"
    assert "+    return a + b" in worked.result.patch
    assert len(model.requests) == 2


def test_the_failing_tests_run_before_the_others(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, [WRONG[0], RIGHT])
    tried = [event for event in worked.of("tests_ran") if event.phase == "candidate"]
    assert next(event.about for event in tried) == "the tests that failed"
    assert tried[-1].about == "" and tried[-1].passed


def test_a_failure_is_shown_after_the_same_beginning(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = CALC["calc.py"].split("\n\n\ndef double")[0] + "\n"
    test = CALC["test_calc.py"].split("    def test_double")[0].replace(", double", "")
    monkeypatch.setattr("agent.strategy.guided.schedule.ROUNDS", (Round("rewrite", (0.2,)), Round("again", (0.8, 0.8))))
    worked = guided(model, tmp_path, [*WRONG[:2], RIGHT], files={"calc.py": alone, "test_calc.py": test})
    assert worked.result.status == "fixed", worked.result.error
    first, second, third = (request["messages"] for request in model.requests)
    assert first == second == third[: len(first)]
    assert third[len(first)]["content"] == WRONG[1]
    assert "With your version" in third[-1]["content"]


def test_small_changes_are_tried_where_rewrites_fail(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, ["I can't say."])
    assert worked.result.status == "fixed", worked.result.error
    assert "+    return a + b" in worked.result.patch
    assert any(phase.startswith("vary") for phase in phases(worked))


ALONE = {
    "calc.py": "def add(a, b):\n    return a\n",
    "test_calc.py": CALC["test_calc.py"].split("    def test_double")[0].replace(", double", ""),
}
"""One function, which no small change mends."""


def test_candidates_that_are_left_over_are_asked_for_too(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.strategy.guided.schedule.ROUNDS", (Round("rewrite", (0.2,)),))
    worked = guided(model, tmp_path, [*WRONG[:9], RIGHT], files=ALONE)
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.attempts == 10


def test_the_search_ends_when_the_candidates_are_spent(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, ["I can't say."], files=ALONE, max_steps=100)
    assert (worked.result.status, worked.result.attempts) == ("no_patch", MAX_CANDIDATES)
    assert f"none of {MAX_CANDIDATES} candidates" in (worked.result.error or "")


TWO = {
    "calc.py": "def add(a, b):\n    return a - b\n\n\ndef times(a, b):\n    return a - b\n",
    "test_calc.py": (
        "import unittest\n\nfrom calc import add, times\n\n\nclass Tests(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n\n"
        "    def test_times_add(self):\n        self.assertEqual(times(2, 4), 8)\n"
    ),
}


def test_a_part_that_is_mended_is_kept_and_the_rest_searched_for(model: ScriptedModel, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> str:
        asked = body["messages"][1]["content"]
        times = "Find the mistake in `times`" in asked
        return f"```python\ndef {'times' if times else 'add'}(a, b):\n    return a {'*' if times else '+'} b\n```"

    worked = guided(model, tmp_path, [answer], files=TWO)
    assert worked.result.status == "fixed", worked.result.error
    assert "+    return a + b" in worked.result.patch and "+    return a * b" in worked.result.patch


def test_of_large_changes_that_pass_the_majority_is_taken(model: ScriptedModel, tmp_path: Path) -> None:
    long = "```python\ndef add(a, b):\n    total = a\n    for _ in range(b):\n        total += 1\n    return total\n```"
    other = "```python\ndef add(a, b):\n    numbers = [a, b]\n    first = sum(numbers[:1])\n    assert numbers\n    return first + sum(numbers[1:])\n```"
    worked = guided(model, tmp_path, [other, long, long])
    assert worked.result.status == "fixed", worked.result.error
    assert "for _ in range(b)" in worked.result.patch
    assert verdicts(worked) == ["passes", "passes", "tried before"]


WEAK = {
    **CALC,
    "test_calc.py": "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        pass\n",
}


def test_a_script_that_shows_the_problem_is_run_on_each_copy_where_it_lies(
    model: ScriptedModel, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        script = "```python\nfrom calc import add\n\nassert add(2, 3) == 5\n```"
        return script if "Write a short Python script" in asked else RIGHT

    worked = guided(model, tmp_path, [answer], files=WEAK, sandbox="local")  # whose copies have other places
    assert worked.result.status == "fixed", worked.result.error
    assert worked.result.verification and worked.result.verification.reproduction


def reproduction(worked: FinishedSession) -> str:
    return str(worked.of("reproduction_found")[0].script)


def test_the_issues_code_as_it_stands_shows_the_problem(model: ScriptedModel, tmp_path: Path) -> None:
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5."
    worked = guided(model, tmp_path, [RIGHT], files=WEAK, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    assert reproduction(worked) == "from calc import add\nresult = add(2, 3)\nassert result == 5, result\n"
    assert len(model.requests) == 1  # nothing had to be chosen or written


def test_an_error_of_the_issues_code_shows_the_problem_and_where_it_is(model: ScriptedModel, tmp_path: Path) -> None:
    files = {**WEAK, "calc.py": WEAK["calc.py"].replace("a - b", "a.plus(b)")}
    issue = "It fails:\n\n```python\nx = add(2, 3)\n```\n\n`AttributeError: 'int' object has no attribute 'plus'`"
    worked = guided(model, tmp_path, [RIGHT], files=files, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    assert reproduction(worked) == "from calc import add\nx = add(2, 3)\n"
    assert "add in calc.py" in phases(worked)[-1]


LONG = (
    "def add(a, b):\n" + "".join(f"    a += {n}\n    a -= {n}\n" for n in range(20)) + "    c = a - b\n    return c\n"
)


def lines_asked_for(body: dict[str, Any]) -> str:
    """The lines that a question wants rewritten; empty for another question."""
    asked = body["messages"][-1]["content"]
    return str(asked.rpartition("\n```\n\nWrite these lines again")[0].rpartition("```\n")[2])


def test_of_a_long_function_the_lines_are_rewritten_that_the_model_points_at(
    model: ScriptedModel, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str:
        lines = lines_asked_for(body)
        return f"```python\n{lines.replace('a - b', 'a + b')}\n```" if lines else '{"line": "c = a - b"}'

    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5."
    worked = guided(model, tmp_path, [answer], files={**WEAK, "calc.py": LONG}, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    changed = [line for line in worked.result.patch.split("\n") if line[:1] in "+-" and line[1:2] == " "]
    assert changed == ["-    c = a - b", "+    c = a + b"]
    given = model.requests[0]["response_format"]["json_schema"]["schema"]["properties"]["line"]["enum"]
    assert {"c = a - b", "return c"} <= set(given)


def test_where_the_failure_went_through_is_rewritten_first(model: ScriptedModel, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> str:
        lines = lines_asked_for(body)
        return f"```python\n{lines.replace('a.plus(b)', 'a + b')}\n```" if lines else '{"line": "a += 3"}'

    files = {**WEAK, "calc.py": LONG.replace("a - b", "a.plus(b)")}
    issue = "It fails:\n\n```python\nx = add(2, 3)\n```\n\n`AttributeError: 'int' object has no attribute 'plus'`"
    worked = guided(model, tmp_path, [answer], files=files, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    assert verdicts(worked) == ["passes"]


def test_a_value_is_shown_as_a_notebook_shows_it_where_the_code_runs(model: ScriptedModel, tmp_path: Path) -> None:
    shown = "class Shown:\n    def _repr_html_(self):\n        return add(2, 3).plus\n\n\n"
    files = {**WEAK, "calc.py": shown + WEAK["calc.py"]}
    issue = "```python\nShown()\n```\n\n`AttributeError: 'int' object has no attribute 'plus'`"
    right = "```python\nclass Shown:\n    def _repr_html_(self):\n        return str(add(2, 3))\n```"
    worked = guided(model, tmp_path, [right], files=files, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    assert "shown = Shown()" in reproduction(worked)


def test_a_script_of_the_models_own_that_nothing_satisfies_is_given_up_and_a_change_proposed(
    model: ScriptedModel, tmp_path: Path
) -> None:
    def answer(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        script = "```python\nfrom calc import add\n\nassert add(2, 3) == 7\n```"
        return script if "Write a short Python script" in asked else RIGHT

    worked = guided(model, tmp_path, [answer], files=WEAK, issue="add is wrong", max_tokens=200)
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a + b" in worked.result.patch
    assert any(phase.startswith("propose") for phase in phases(worked))
    assert worked.result.verification and not worked.result.verification.reproduction


def test_small_changes_are_not_tried_where_no_value_is_asked_for(model: ScriptedModel, tmp_path: Path) -> None:
    files = {**WEAK, "calc.py": WEAK["calc.py"].replace("a - b", "a.plus(b)")}
    issue = "It fails:\n\n```python\nx = add(2, 3)\n```\n\n`AttributeError: 'int' object has no attribute 'plus'`"
    worked = guided(model, tmp_path, WRONG, files=files, issue=issue, attempts=8)
    assert worked.of("candidate_made") and not [phase for phase in phases(worked) if phase.startswith("vary")]


@pytest.mark.parametrize("shown", [">>> add(2, 3)\n-1", ">>> add(2, 3)\n-1\n>>> double(1)\n0"], ids=["one", "two"])
def test_where_only_what_is_wrong_is_shown_another_outcome_is_proposed(
    model: ScriptedModel, tmp_path: Path, shown: str
) -> None:
    asked: list[str] = []

    def answer(body: dict[str, Any]) -> str:
        if "must be true" not in body["messages"][-1]["content"]:
            return RIGHT
        asked.append(body["messages"][-1]["content"])
        return '{"must_be_true": "`add(2, 3)` does not give what the issue shows any more"}'

    issue = f">>> from calc import add, double\n{shown}\n\nThat is odd."
    worked = guided(model, tmp_path, [answer], files=WEAK, issue=issue)
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a + b" in worked.result.patch
    assert verdicts(worked) == ["passes"]
    assert worked.result.verification and not worked.result.verification.reproduction
    assert not any("none of these" in each for each in asked)
    assert bool(asked) is ("double" in shown)


def test_small_changes_are_not_tried_where_something_must_change_and_nobody_says_into_what(
    model: ScriptedModel, tmp_path: Path
) -> None:
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nThat is odd."
    worked = guided(model, tmp_path, ["no code"], files=WEAK, issue=issue, attempts=8)
    assert worked.of("candidate_made") and not [phase for phase in phases(worked) if phase.startswith("vary")]


def test_what_is_proposed_is_looked_for_in_what_the_issues_code_runs(model: ScriptedModel, tmp_path: Path) -> None:
    code = "def total(a, b):\n    return a + b\n\n\n"
    issue = "`total`, `total`, the total:\n\n```\nfrom calc import add\nadd(2, 3)\n```"
    worked = guided(model, tmp_path, [unshown], files={**WEAK, "calc.py": code + WEAK["calc.py"]}, issue=issue)
    assert worked.result.status == "unverified", worked.result.error
    assert next(phase for phase in phases(worked) if phase.startswith("propose")) == "propose add in calc.py"


def test_what_does_not_run_is_suspected_last(model: ScriptedModel, tmp_path: Path) -> None:
    code = "def add(a, b):\n    return combine(a, b)\n\n\ndef combine(a, b):\n    return a - b\n\n\n"
    files = {**WEAK, "calc.py": code + "def addition(a, b):\n    return a + b\n"}
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5. `addition` is right, addition gives it."
    right = "```python\ndef combine(a, b):\n    return a + b\n```"
    worked = guided(model, tmp_path, [right], files=files, issue=issue)
    assert worked.result.status == "fixed", worked.result.error
    suspects = next(phase for phase in phases(worked) if phase.startswith("repair"))
    assert suspects.endswith("addition in calc.py (rewrite)")


def test_code_that_dies_before_what_is_checked_shows_nothing_of_that(model: ScriptedModel, tmp_path: Path) -> None:
    issue = ">>> from calc import add\n>>> x = {}['a']\n>>> add(x, 3)\n-1\n\nIt should be 5. A KeyError is no matter."
    worked = guided(model, tmp_path, [RIGHT], files=WEAK, issue=issue, attempts=1)
    assert [event.passed for event in worked.of("tests_ran") if event.about == "add(x, 3) == 5"] == [False]
    assert reproduction(worked) == "from calc import add\nx = {}['a']\nadd(x, 3)\n"
    assert not [each for each in model.requests if "must be true" in each["messages"][-1]["content"]]


@pytest.mark.parametrize(("said", "asked"), [("55", 2), ("755", 3), ("577", 3)])
def test_what_the_issue_means_is_chosen_by_most_of_the_models_words(
    model: ScriptedModel, tmp_path: Path, said: str, asked: int
) -> None:
    words = iter(said)
    orders: list[str] = []

    def answer(body: dict[str, Any]) -> str:
        question = body["messages"][-1]["content"]
        if "must be true" not in question:
            return RIGHT
        orders.append(question)
        return f'{{"must_be_true": "add(2, 3) == {next(words)}"}}'

    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5, not 7."
    worked = guided(model, tmp_path, [answer], files=WEAK, issue=issue, attempts=1)
    assert f"== {said[-1]}" in reproduction(worked)
    assert len(orders) == len(set(orders)) == asked


def test_none_of_the_checks_may_be_meant(model: ScriptedModel, tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> str:
        return '{"must_be_true": "none of these"}' if "must be true" in body["messages"][-1]["content"] else RIGHT

    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5, not 7."
    worked = guided(model, tmp_path, [answer], files=WEAK, issue=issue)
    assert reproduction(worked).endswith("assert repr(result) not in shown\n")  # what is shown is wrong for sure


def test_tests_that_cannot_run_say_nothing_of_a_candidate(model: ScriptedModel, tmp_path: Path) -> None:
    files = {"calc.py": WEAK["calc.py"], "check.py": "import not_installed\n"}
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5."
    worked = guided(model, tmp_path, [RIGHT], files=files, issue=issue, test="python3 check.py", setup="true")
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a + b" in worked.result.patch
    told = [event.message for event in worked.of("warned")]
    assert any("the tests can't run here: ModuleNotFoundError: No module named 'not_installed'" in one for one in told)


def test_a_test_that_is_not_there_says_nothing_of_a_candidate(model: ScriptedModel, tmp_path: Path) -> None:
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5."
    command = "echo 'ERROR: file or directory not found: test_add.py'; exit 4 # pytest"
    worked = guided(model, tmp_path, [RIGHT], files=WEAK, issue=issue, test=command)
    assert worked.result.status == "unverified", worked.result.error
    assert verdicts(worked) == ["passes"]
    assert any("the tests can't run here: ERROR: file or directory" in event.message for event in worked.of("warned"))


def test_a_change_is_proposed_where_no_test_can_say_anything(model: ScriptedModel, tmp_path: Path) -> None:
    command = "echo 'ERROR: file or directory not found: test_add.py'; exit 4 # pytest"
    worked = guided(model, tmp_path, [unshown], files=WEAK, issue="add is wrong", test=command)
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a + b" in worked.result.patch


def unshown(body: dict[str, Any]) -> str:
    """Scripts that show nothing, and the same change each time."""
    asked = body["messages"][-1]["content"]
    return "```python\nassert True\n```" if "Write a short Python script" in asked else RIGHT


def test_what_several_replies_agree_on_is_proposed_where_nothing_shows_the_problem(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch, "issue_code", "model_script")
    worked = guided(model, tmp_path, [unshown], files=WEAK)
    assert worked.result.status == "unverified"
    assert "+    return a + b" in worked.result.patch
    assert worked.result.exit_code == 1


def test_where_replies_do_not_agree_one_about_the_likeliest_is_proposed_and_it_is_told(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch, "issue_code", "model_script")
    worked = guided(model, tmp_path, WRONG, files=WEAK)
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a * b *" in worked.result.patch
    assert worked.result.summary.endswith("no test shows whether that helps. The replies did not agree on it.")


def test_nothing_is_proposed_where_nothing_is_changed(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch, "issue_code", "model_script")
    worked = guided(model, tmp_path, [f"```python\n{WEAK['calc.py']}```"], files=WEAK)
    assert worked.result.status == "no_patch"
    assert "no reply changes anything" in (worked.result.error or "")


def test_an_old_failure_that_has_nothing_to_do_with_the_issue_does_not_stand_in_the_way(
    model: ScriptedModel, tmp_path: Path
) -> None:
    old = "\n\nclass Network(unittest.TestCase):\n    def test_proxy(self):\n        raise OSError('unreachable')\n"
    worked = guided(model, tmp_path, [RIGHT], files={**CALC, "test_calc.py": CALC["test_calc.py"] + old})
    assert worked.result.patch, worked.result.error
    assert worked.of("ended")[0].status == "submitted"


def test_no_more_candidates_are_tried_than_the_user_allows(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, WRONG, attempts=3)
    assert len(worked.of("candidate_made")) == 3
    assert worked.result.status == "no_patch"


def test_a_budget_of_tokens_ends_it(model: ScriptedModel, tmp_path: Path) -> None:
    worked = guided(model, tmp_path, WRONG, max_tokens=25)
    assert worked.result.status == "budget"
    assert worked.result.exit_code == 5


def test_many_suspects_are_ranked_by_the_model(model: ScriptedModel, tmp_path: Path) -> None:
    names = ["one", "two", "three", "four", "five", "six"]
    code = "".join(f"def {name}(a):\n    return a\n\n\n" for name in names)
    calls = " + ".join(f"{name}(1)" for name in names)
    test = f"import unittest\n\nfrom calc import *\n\n\nclass T(unittest.TestCase):\n    def test_all(self):\n        self.assertEqual({calls}, 7)\n"

    def answer(body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        if "likeliest" in asked:
            numbered = [line for line in asked.split("\n") if " six in " in line]
            return f'{{"likeliest": {numbered[0].split(".")[0]}, "second": 1}}'
        return "```python\ndef six(a):\n    return a + 1\n```" if "`six`" in asked else "no"

    worked = guided(model, tmp_path, [answer], files={"calc.py": code, "test_calc.py": test})
    assert worked.result.status == "fixed", worked.result.error
    assert len(worked.of("candidate_made")) == 1


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> TimeLimit:
    return TimeLimit(monkeypatch)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A pipe: whoever opens it to read waits until what runs in the sandbox opens it to write."""
    os.mkfifo(tmp_path / "begun")
    return tmp_path / "begun"


def test_what_passes_is_kept_where_the_time_ends_before_the_search(
    model: ScriptedModel, tmp_path: Path, limit: TimeLimit
) -> None:
    long = RIGHT.replace(
        "    return", "    total = a\n    total += b\n    total += 0\n    total *= 1\n    return"
    ).replace("a + b", "total")
    silent = Silent(WRONG[0])
    limit.expire_after(silent.begun.wait)
    worked = guided(model, tmp_path, [long, silent], time_limit=limit.SECONDS)
    silent.release.set()
    assert worked.result.status == "fixed" and "total += b" in worked.result.patch
    assert worked.result.summary.endswith("when the time was over.")


def test_a_proposal_is_kept_where_the_time_ends_before_replies_agree(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: TimeLimit
) -> None:
    leave_out(monkeypatch, "issue_code", "model_script")
    silent = Silent(WRONG[0])
    limit.expire_after(silent.begun.wait)
    worked = guided(model, tmp_path, [RIGHT, silent], files=WEAK, time_limit=limit.SECONDS)
    silent.release.set()
    assert worked.result.status == "unverified", worked.result.error
    assert "+    return a + b" in worked.result.patch


@pytest.mark.parametrize("files", [CALC, WEAK], ids=["search", "proposal"])
def test_nothing_is_left_of_what_was_being_tried_when_the_time_ended(
    model: ScriptedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    limit: TimeLimit,
    begun: Path,
) -> None:
    leave_out(monkeypatch, "issue_code", "model_script")
    hangs = (
        f"```python\ndef add(a, b):\n    import signal\n    open({str(begun)!r}, 'w').close()\n    signal.pause()\n```"
    )
    test = files["test_calc.py"].replace("        pass", "        from calc import add\n        add(1, 2)")
    limit.expire_after(begun.read_bytes)
    worked = guided(model, tmp_path, [hangs], files={**files, "test_calc.py": test}, time_limit=limit.SECONDS)
    assert worked.result.status == "budget", worked.result.error
    assert [event.name for event in worked.of("observed")] == ["write_file"]  # it was in the workspace
    assert worked.result.patch == ""


def test_nothing_is_left_of_the_issues_code_when_the_time_ended(
    model: ScriptedModel, tmp_path: Path, limit: TimeLimit, begun: Path
) -> None:
    issue = (
        "```python\nimport os\nfrom calc import add\nopen('left', 'w').close()\n"
        f"open({str(begun)!r}, 'w').close()\nos.read(os.pipe()[0], 1)\nadd(1, 2)\n```"
    )
    limit.expire_after(begun.read_bytes)
    worked = guided(model, tmp_path, ["no"], files=WEAK, issue=issue, time_limit=limit.SECONDS)
    assert worked.result.status == "budget", worked.result.error
    assert worked.result.patch == ""


@pytest.mark.parametrize(
    ("rule", "phase"),
    [("mutations", "vary"), ("diagnosis", "(diagnose)"), ("failure_shown", "(again)"), ("issue_code", "by the code")],
)
def test_a_rule_can_be_left_out(
    model: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, phase: str
) -> None:
    issue = ">>> from calc import add\n>>> add(2, 3)\n-1\n\nIt should be 5."
    files = {**ALONE, "test_calc.py": WEAK["test_calc.py"]}
    place = tmp_path / "all"
    place.mkdir()
    assert any(phase in each for each in phases(guided(model, place, ["no"], files=files, issue=issue)))
    leave_out(monkeypatch, rule, "model_script")
    worked = guided(model, tmp_path, ["no"], files=files, issue=issue)
    assert phases(worked) and not any(phase in each for each in phases(worked))


def test_a_rule_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out(monkeypatch, "tracer", "nonsense")
    with pytest.raises(UsageError, match=f"{VARIABLE} names no rule: nonsense; there are failing_tests, issue_code"):
        rules_from_environment()
    leave_out(monkeypatch, " tracer ", "")
    assert rules_from_environment() == GuidedRules(tracer=False)
