"""A session's process ends with the run that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_session_whose_run_has_ended_does_not_begin(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "agent.bench.executors.child", "1", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")  # its parent is not process 1
