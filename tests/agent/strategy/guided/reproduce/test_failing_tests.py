"""Old failures that have nothing to do with the issue are told from those that show it."""

from __future__ import annotations

from agent.session.events import TestFailure, TestsRan
from agent.strategy.guided.reproduce.failing_tests import error_mentions_issue, related_tests

SOURCES = {"shop/cart.py": "def total(items):\n    return sum(price * quantity for price, quantity in items)\n"}


def failing(*details: TestFailure) -> TestsRan:
    return TestsRan(
        phase="before", command="pytest", exit_code=1, passed=False, ended="exited", seconds=1.0, output="",
        failures=[each.name for each in details], details=list(details),
    )  # fmt: skip


def test_a_test_whose_name_shares_a_word_with_the_issue_is_related() -> None:
    ran = failing(TestFailure(name="tests/test_cart.py::test_empty"), TestFailure(name="tests/test_mail.py::test_send"))
    assert related_tests(ran, "The cart adds up wrongly", SOURCES) == {"tests/test_cart.py::test_empty"}


def test_a_test_whose_failure_shares_two_words_is_related() -> None:
    near = TestFailure(name="test_a.py::test_b", message="price of quantity", text="")
    far = TestFailure(name="test_a.py::test_c", message="price", text="")
    assert related_tests(failing(near, far), "Wrong price for every quantity", SOURCES) == {"test_a.py::test_b"}


def test_the_code_a_failure_names_counts() -> None:
    near = TestFailure(name="test_a.py::test_b", places=[("shop/cart.py", 2), ("gone.py", 7)])
    assert related_tests(failing(near), "price times quantity is not what comes out", SOURCES) == {"test_a.py::test_b"}


def test_nothing_in_common_is_unrelated() -> None:
    ran = failing(TestFailure(name="tests/test_network.py::test_proxy", message="ConnectionError"))
    assert related_tests(ran, "The cart adds up wrongly", SOURCES) == frozenset()


def test_failures_beyond_those_told_in_detail_are_judged_by_their_names() -> None:
    ran = failing().model_copy(update={"failures": ["tests/test_cart.py::test_x", "tests/test_mail.py::test_y"]})
    assert related_tests(ran, "cart", SOURCES) == {"tests/test_cart.py::test_x"}


def test_an_error_that_the_issue_speaks_of_is_told_from_another() -> None:
    ran = failing().model_copy(
        update={"output": "E   ImportError: cannot import name 'quote' from 'web.urls'\n\n1 error"}
    )
    assert error_mentions_issue(ran, "The import of `quote` fails")
    assert not error_mentions_issue(ran, "The cart adds up wrongly")
    assert not error_mentions_issue(failing(), "anything")
    missing = failing().model_copy(update={"output": "ERROR: file or directory not found: tests/test_cart.py\n\n"})
    assert not error_mentions_issue(missing, "The cart adds up wrongly")
