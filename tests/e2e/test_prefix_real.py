"""The real llama.cpp server with the real 0.5B: what it has read it does not read again, compactions included.

`benchmarks/prefix.py` is the same at full length.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_real_what_was_read_is_reused_at_every_step() -> None:
    command = [sys.executable, "benchmarks/prefix.py", "--steps", "16", "--window", "4096"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "compactions              0" not in done.stdout
