"""The page on the settings is the one that its script makes from their model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "configuration_docs.py"


def test_the_page_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, SCRIPT, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_page_that_differs_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "scripts" / SCRIPT.name
    copy.parent.mkdir()
    copy.write_bytes(SCRIPT.read_bytes())
    page = tmp_path / "docs" / "configuration.md"
    page.parent.mkdir()
    page.write_text("# Settings\n")
    checked = subprocess.run([sys.executable, copy, "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "out of date" in checked.stderr
    assert subprocess.run([sys.executable, copy], check=False).returncode == 0
    assert page.read_bytes() == (ROOT / "docs" / "configuration.md").read_bytes()
