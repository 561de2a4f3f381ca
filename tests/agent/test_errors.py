"""The tree of errors in the module's docstring is the tree there is, with the exit codes of the contract."""

from __future__ import annotations

import inspect
import re

import pytest

from agent import errors
from agent.errors import BackendRefused, ContextOverflow, SweAgentError, UsageError

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__]
LINE = re.compile(r"^ {4}([│├└─ ]*)([A-Z]\w+)(?: +exit (\d+))?", re.MULTILINE)
CONTRACT = {
    "UsageError": 2,
    "BackendError": 3,
    "SandboxError": 4,
    "BudgetExhausted": 5,
    "SourceError": 6,
    "SweAgentError": 1,
}


def drawn() -> dict[str, tuple[str, int]]:
    """Name → parent and exit code (its own or inherited), as the docstring draws them."""
    found: dict[str, tuple[str, int]] = {}
    above: list[str] = []
    for branch, name, code in LINE.findall(inspect.getdoc(errors) or ""):
        depth = len(branch) // 4
        above[depth:] = [name]
        parent = above[depth - 1] if depth else "Exception"
        found[name] = (parent, int(code) if code else found[parent][1])
    return found


def test_the_drawing_is_read_here() -> None:
    tree = drawn()
    assert tree["SweAgentError"] == ("Exception", 1)
    assert tree["BackendRefused"] == ("BackendError", 3)
    assert len(tree) == len(LINE.findall(errors.__doc__ or ""))


@pytest.mark.parametrize("each", CLASSES)
def test_every_error_stands_in_the_tree_with_its_parent_and_exit_code(each: type[SweAgentError]) -> None:
    assert drawn()[each.__name__] == (each.__bases__[0].__name__, each.exit_code)


def test_nothing_else_stands_in_the_tree() -> None:
    assert set(drawn()) == {each.__name__ for each in CLASSES}


def test_exit_codes_are_those_of_the_contract() -> None:
    assert {name: getattr(errors, name).exit_code for name in CONTRACT} == CONTRACT
    assert {each.exit_code for each in CLASSES} == set(CONTRACT.values())


@pytest.mark.parametrize("each", CLASSES)
def test_every_error_says_what_happened_and_what_to_do_next(each: type[SweAgentError]) -> None:
    assert each.__doc__ is not None
    more = {"status": 500} if each is BackendRefused else {}
    error = each("what happened", **more)
    assert isinstance(error, SweAgentError) and error.message == error.args[0] == "what happened"
    assert bool(error.hint) is (each is not UsageError)
    if each is ContextOverflow:  # its remedy is always the same, and always said
        assert str(error) == f"what happened ({error.hint})"
    else:
        assert str(error) == "what happened"
        assert str(each("what happened", hint="what to do", **more)) == "what happened (what to do)"
