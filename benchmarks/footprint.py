"""The cost of the program before it does anything: size on disk, processor time of `--help`, modules imported.

Run it with `python benchmarks/footprint.py`; it makes a fresh environment with the locked core (no model
runtime) in a temporary directory and removes it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 10
LIBRARIES = ("docker", "git", "httpx2", "openai", "unidiff", "xllamacpp", "rich", "jinja2")
"""The libraries that a command should import only when it uses them."""
FORBIDDEN = {"docker", "git", "httpx2", "openai"}
"""Those that the command line must not import: the program exits with 1."""


def main() -> None:
    """Measure and print; exits with 1 when the command line imports a forbidden library."""
    with tempfile.TemporaryDirectory(prefix="swe-agent-footprint-") as scratch:
        python = install(Path(scratch, "env"))
        size = directory_bytes(Path(scratch, "env")) / 1e6
        program = [str(python.with_name("swe-agent")), "--help"]
        first, *warm = [cpu_seconds(program) for _ in range(RUNS + 1)]
        modules = imported(python)
    print(f"install size, core          {size:8.1f} MB")
    print(f"swe-agent --help, first     {first:8.3f} s CPU (compiles what it imports)")
    median = statistics.median(warm)
    print(f"swe-agent --help            {median:8.3f} s CPU (user + system, median of {RUNS})")
    print(f"modules by import agent.cli {len(modules):8d}")
    heavy = [name for name in LIBRARIES if name in modules]
    print(f"of them heavy libraries     {', '.join(heavy) or 'none':>8}")
    if imports := sorted(FORBIDDEN & modules):
        sys.exit(f"importing agent.cli imports {', '.join(imports)}")


def install(environment: Path) -> Path:
    """A fresh environment with the locked core and the project as a user installs it; returns its Python."""
    uv = shutil.which("uv") or str(ROOT / ".venv-tools/bin/uv")
    python = environment / "bin" / "python"
    pip = [uv, "pip", "install", "-q", "--python", str(python), "--link-mode", "copy"]
    locks = ROOT / "requirements"
    for command in (
        [uv, "venv", "-q", "--python", sys.executable, str(environment)],
        [*pip, "--require-hashes", "-r", str(locks / "core.txt")],
        [*pip, "--no-deps", "--build-constraint", str(locks / "build.txt"), str(ROOT)],
    ):
        subprocess.run(command, check=True)
    return python


def directory_bytes(directory: Path) -> int:
    """The sum of its files' sizes, each file once."""
    found = (entry.lstat() for entry in directory.rglob("*") if not entry.is_dir() or entry.is_symlink())
    return sum({entry.st_ino: entry.st_size for entry in found}.values())


def cpu_seconds(command: list[str]) -> float:
    """User and system time of the command and its children."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def imported(python: Path) -> set[str]:
    """The modules that `import agent.cli` loads."""
    script = "import sys; bare = {*sys.modules}; import agent.cli; print(*{*sys.modules} - bare)"
    printed = subprocess.run([str(python), "-c", script], check=True, capture_output=True, text=True).stdout
    return set(printed.split())


if __name__ == "__main__":
    main()
