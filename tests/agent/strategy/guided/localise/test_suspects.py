"""The cause is looked for where the failure, the tests and the issue point, and never in the tests themselves."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from agent.code.index import CodeIndex
from agent.code.paths import is_test
from agent.session.events import TestFailure, TestsRan
from agent.strategy.guided.localise import suspects
from agent.strategy.guided.localise.suspects import Suspect, failing_test, find_seeds, find_suspects

ROOT = "/workspace/repo"
SOURCES = {
    "calc/core.py": (
        "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return add(a, a)\n\n\ndef unused():\n    pass\n"
    ),
    "calc/text.py": "class Printer:\n    def show(self, x):\n        return str(x)\n\n    def hide(self):\n        pass\n",
    "tests/test_core.py": "def test_double():\n    assert double(2) == 4\n\n\ndef test_show():\n    Printer().show(1)\n",
    "web/app.js": "let a;\n",
    "web/big.js": "let a;\n" * 500,
    "broken.py": "def broken(:\n",
}


def failed(output: str, *details: TestFailure) -> TestsRan | None:
    """A failing run that printed `output`; none for nothing."""
    if not output and not details:
        return None
    return TestsRan(
        phase="before", command="pytest", exit_code=1, passed=False, ended="exited", seconds=1.0, output=output,
        details=list(details),
    )  # fmt: skip


def index_of(sources: dict[str, str]) -> CodeIndex:
    """The index of a commit with these texts."""
    index = CodeIndex()
    index.update({path: text.encode() for path, text in sources.items()})
    return index


def localise(
    sources: dict[str, str], issue: str, failure: TestsRan | None, executed: Collection[tuple[str, int]] = ()
) -> list[Suspect]:
    return find_suspects(index_of(sources), sources, issue, failure, ROOT, executed)


def names(issue: str = "", output: str = "") -> list[str]:
    found = localise(SOURCES, issue, failed(output))
    return [suspect.region.name or suspect.region.path for suspect in found]


def test_functions_that_ran_come_before_those_that_did_not() -> None:
    issue = "`double` and `unused` are wrong"
    ran = {("calc/core.py", 1), ("calc/core.py", 5)}
    found = localise(SOURCES, issue, None, ran)
    assert [suspect.region.name for suspect in found] == ["double", "add", "unused"]
    assert [suspect.region.name for suspect in localise(SOURCES, issue, None)] == ["double", "unused", "add"]


@pytest.mark.parametrize(
    ("issue", "first"),
    [
        ("It is in core.py, line 9.", "unused"),
        ("It is in core.py, line 12.", "unused"),  # which is a little behind it
        ("It is in core.py, line 400.", "add"),  # as for any line: by the file alone
        ('  File "/x/calc/text.py", line 90, in hide\n  File "/x/calc/text.py", line 99, in show\n', "Printer.show"),
        ('  File "/x/calc/text.py", line 90, in show\n  File "/x/calc/text.py", line 99, in hide\n', "Printer.hide"),
    ],
)
def test_what_the_issue_names_by_place_is_suspected_first(issue: str, first: str) -> None:
    assert next(iter(names(f"It fails.\n\n{issue}")), None) == first


def test_the_function_that_says_what_the_issue_shows_is_suspected() -> None:
    sources = {
        "a.py": 'def load(x):\n    raise E(f"no section {x} in the configuration")\n\n\ndef save(x):\n    log("x")\n',
        "b.js": "function tell(x) {\n  throw new E('cannot open ' + x);\n}\n",
    }
    found = localise(sources, "It fails\n\nE: no section [a] in the\nconfiguration\n", None)
    assert found[0].region.name == "load"
    assert localise(sources, "It says: cannot open a.txt", None)[0].region.name == "tell"


def test_places_of_a_failure_count_before_what_is_printed() -> None:
    detail = TestFailure(name="test_x", places=[("calc/text.py", 3)])
    found = localise(SOURCES, "", failed('File "calc/core.py", line 2\n', detail))
    assert [suspect.region.name for suspect in found] == ["Printer.show"]


def test_the_failing_tests_source_is_found_by_its_place() -> None:
    ran = failed("tests/test_core.py:2: AssertionError\n")
    assert ran is not None
    assert failing_test(SOURCES, ran, ROOT) == "def test_double():\n    assert double(2) == 4"
    assert failing_test(SOURCES, ran.model_copy(update={"output": ""}), ROOT) == ""


# ---------------------------------------------------------------- suspects


def test_the_deepest_frame_comes_first() -> None:
    output = (
        f'  File "{ROOT}/tests/test_core.py", line 2, in test_double\n  File "{ROOT}/calc/core.py", line 6, in double\n'
        f'  File "{ROOT}/calc/core.py", line 2, in add\n'
    )
    assert names(output=output)[:2] == ["add", "double"]


def test_what_a_failing_test_calls_is_suspected() -> None:
    assert names(output="FAILED tests/test_core.py::test_double - assert 0 == 4\n")[0] == "double"
    assert names(output="tests/test_core.py:2: AssertionError\n")[0] == "double"
    assert "Printer.show" not in names(output="FAILED tests/test_core.py::test_double - assert 0 == 4\n")


def test_what_a_suspect_calls_is_suspected_a_little() -> None:
    found = localise(SOURCES, "`double` is wrong", None)
    assert [suspect.region.name for suspect in found][:2] == ["double", "add"]
    assert found[0].score > found[1].score > 0


def test_what_the_issue_names_is_suspected_and_more_so_in_code() -> None:
    assert names("show goes wrong")[0] == "Printer.show"
    assert names("show, hide and double fail, see `hide`")[0] == "Printer.hide"
    assert names("```\nunused()\n```")[0] == "unused"


def test_a_class_named_in_the_issue_stands_for_its_methods() -> None:
    assert set(names("The Printer is broken")) == {"Printer.show", "Printer.hide"}


def test_a_file_named_in_the_issue_stands_for_its_functions() -> None:
    assert set(names("look at calc/text.py")) >= {"Printer.show", "Printer.hide"}


def test_other_languages_are_suspected_by_the_file_unless_it_is_long() -> None:
    assert names("web/app.js has an error")[0] == "web/app.js"
    assert "web/big.js" not in names("web/big.js has an error")


def test_nothing_named_is_nobody_suspected() -> None:
    assert names("It is slow.", "Killed\n") == []


def test_tests_are_never_suspects() -> None:
    issue = "test_double and test_show in tests/test_core.py"
    output = "tests/test_core.py:2: AssertionError\nFAILED tests/test_core.py::test_double\n"
    assert all(not is_test(suspect.region.path) for suspect in localise(SOURCES, issue, failed(output)))


def test_equals_are_ordered_by_path_and_line_whatever_order_they_come_in() -> None:
    issue = "Printer add double unused show hide"
    backwards = dict(reversed(SOURCES.items()))
    assert localise(SOURCES, issue, None) == localise(backwards, issue, None)


def test_the_bundled_examples_issue_leads_to_its_cause() -> None:
    example = Path(__file__).parents[5] / "examples" / "timetable"
    repository = example / "repository"
    sources = {str(path.relative_to(repository)): path.read_text() for path in repository.rglob("*.py")}
    found = localise(sources, (example / "issue.md").read_text(), None)
    assert found and found[0].region.path.startswith("timetable/")


# ---------------------------------------------------------------- seeds


def seeds(issue: str = "", output: str = "") -> dict[tuple[str, int], float]:
    return find_seeds(index_of(SOURCES), SOURCES, issue, failed(output), ROOT)


def test_the_deepest_function_of_a_traceback_weighs_most() -> None:
    deep, above = ("calc/core.py", 1), ("calc/core.py", 5)
    shown = 'File "{0}/calc/core.py", line 6, in double\n  File "{0}/calc/core.py", line 2, in add\n'
    in_issue = seeds(f"  {shown.format('/home/me')}")
    assert in_issue == {deep: suspects._ISSUE_FRAME, above: suspects._ISSUE_FRAME * suspects._FRAME_ABOVE}
    in_failure = seeds(output=f"  {shown.format(ROOT)}")
    assert in_failure == {deep: suspects._FAILURE_FRAME, above: suspects._FAILURE_FRAME * suspects._FRAME_ABOVE}
    assert 0 < in_failure[above] < in_failure[deep] and 0 < in_issue[above] < in_issue[deep]


def test_what_a_failing_test_calls_is_a_seed() -> None:
    assert seeds(output="FAILED tests/test_core.py::test_double\n") == {("calc/core.py", 5): suspects._TESTED}
    assert suspects._TESTED > 0


def test_a_name_that_many_have_says_nothing_of_which_is_called() -> None:
    many = {f"m{number}.py": "def double(a):\n    pass\n" for number in range(suspects._MAX_SAME_NAME)}
    output = "FAILED tests/test_core.py::test_double\n"
    assert find_seeds(index_of(SOURCES | many), SOURCES, "", failed(output), ROOT) == {}


@pytest.mark.parametrize(
    "issue", ['  File "/x/tests/test_core.py", line 2, in test_double\n', "see tests/test_core.py:2", "It is slow."]
)
def test_tests_and_words_are_no_seeds(issue: str) -> None:
    assert {path for path, _ in seeds(issue)} <= {"tests/test_core.py"}  # which the ranking leaves out
    assert "tests/test_core.py" not in {suspect.region.path for suspect in localise(SOURCES, issue, None)}


def test_a_traceback_counts_more_than_words() -> None:
    issue = '`unused` unused unused\n\n  File "/x/calc/text.py", line 3, in show\n'
    assert names(issue)[:2] == ["Printer.show", "unused"]
    assert names(issue.partition("\n")[0])[0] == "unused"  # the words alone
