"""The real llama.cpp server: what it has read it does not read again, compactions included.

Once with the real 0.5B, and once with a hybrid of random weights, since a hybrid's state can't be cut at any place.
`benchmarks/prefix.py` is the same at full length.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("real_model")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "options",
    [("--steps", "16", "--window", "4096"), ("--model", "hybrid", "--steps", "60", "--window", "16384")],
    ids=["attention", "hybrid"],
)
def test_real_what_was_read_is_reused_at_every_step(options: tuple[str, ...]) -> None:
    command = [sys.executable, "benchmarks/prefix.py", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "compactions              0" not in done.stdout
