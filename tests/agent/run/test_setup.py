"""Before the work: what fails at random is told and left out of account, and a setup that fails is told."""

from __future__ import annotations

from pathlib import Path

from support import CALC, ScriptedModel
from working import FIX, SUBMIT, calls, work

FLAKY = """import unittest
from pathlib import Path


class Tests(unittest.TestCase):
    def test_flaky(self):
        place = Path("/tmp", str(Path.cwd()).replace("/", "_"))
        seen = place.exists()
        place.touch()
        self.assertTrue(seen)
"""


def test_a_flaky_test_and_a_failing_setup_are_told(scripted: ScriptedModel, tmp_path: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    worked = work(scripted, tmp_path, files={**CALC, "test_flaky.py": FLAKY}, setup="echo no such thing; exit 3")
    told = [event.message for event in worked.of("warned")]
    assert "the setup failed with exit code 3: no such thing" in told
    assert "tests that fail and pass at random are left out of account: test_flaky.Tests.test_flaky" in told
    found = worked.result.verification
    assert found is not None and worked.result.status == "fixed"
    assert found.fixes == ["test_calc.Tests.test_add", "test_calc.Tests.test_double"]
