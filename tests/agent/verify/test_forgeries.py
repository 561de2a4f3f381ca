"""Patches that mend nothing and try to pass, and the fix itself beside them: `benchmarks.forgeries` makes them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from benchmarks.forgeries import _PLACES, CODE, COMMANDS, UNITTEST, Forgery, forgeries, verdict

EACH = list(islice(forgeries(), len(COMMANDS) * len(_PLACES)))
# every place in a patch, by one kind of test command after the other
CHOSEN = [EACH[place + len(_PLACES) * (place % len(COMMANDS))] for place in range(len(_PLACES))]
FIXED = CODE.replace("a - b", "a + b")


@pytest.mark.parametrize("forgery", CHOSEN, ids=lambda forgery: forgery.name)
def test_a_forgery_is_no_fix(forgery: Forgery, tmp_path: Path) -> None:
    assert verdict(forgery, tmp_path / "x") == "unverified"


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_fix_is_one_with_tests_of_its_own_and_a_changed_configuration(kind: str, tmp_path: Path) -> None:
    command, tests = COMMANDS[kind]
    before = {"calc.py": CODE, **tests}
    beside = {"test_new.py": UNITTEST, "pyproject.toml": "[project]\nname = 'calc'\n"}
    fix = Forgery("a fix", command, before, {**before, "calc.py": FIXED, **beside})
    assert verdict(fix, tmp_path / "x") == "fixed"
