"""What a command costs in each sandbox, beside `docker exec` and a bare persistent bash.

Usage: python -m benchmarks.exec [--count N] [--sandbox docker|bubblewrap|local ...]

Prints a table of milliseconds for a command, then one with each sandbox's seconds to start, fork and make a fresh one,
the throughput of 300 MB of output with the peak of resident memory, and a snapshot after a change among 10,000 files.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sandbox.protocol import Sandbox
from sandbox.select import start_sandbox
from sandbox.snapshots import Snapshots

COMMAND = "/bin/true"
OUTPUT_BYTES = 300_000_000


def row(name: str, seconds: list[float]) -> None:
    """Print one row of milliseconds."""
    ordered = sorted(1000 * each for each in seconds)
    print(f"| {name} | {statistics.median(ordered):.2f} | {ordered[int(0.9 * len(ordered))]:.2f} |")


async def timed(count: int, once: Callable[[], Awaitable[object]]) -> list[float]:
    """The seconds of `count` calls, after one that is not counted."""
    await once()
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        await once()
        found.append(time.perf_counter() - begun)
    return found


def bare_bash(count: int) -> list[float]:
    """The seconds of a command in a bash that reads commands from a pipe."""
    with subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bash:
        assert bash.stdin is not None and bash.stdout is not None
        found = []
        for _ in range(count):
            begun = time.perf_counter()
            bash.stdin.write(f"{COMMAND}; echo\n".encode())
            bash.stdin.flush()
            bash.stdout.readline()
            found.append(time.perf_counter() - begun)
        bash.stdin.close()
    return found


def docker_exec(count: int, container: Any) -> None:
    """Rows for `docker exec` by the SDK and by the command line."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        container.exec_run(["bash", "-c", COMMAND])
        found.append(time.perf_counter() - begun)
    row("docker exec by SDK", found)
    if shutil.which("docker"):
        found = []
        for _ in range(count):
            begun = time.perf_counter()
            subprocess.run(["docker", "exec", container.id, "bash", "-c", COMMAND], check=True, capture_output=True)
            found.append(time.perf_counter() - begun)
        row("docker exec by CLI", found)


async def started(kind: str, place: Path) -> Sandbox:
    """A sandbox of a kind."""
    return await start_sandbox(kind, name=f"bench-{secrets.token_hex(4)}", directory=place / secrets.token_hex(4))


async def measure(kind: str, count: int, place: Path) -> list[str]:
    """Print the rows of one sandbox; the lines of what is not a command's time."""
    await (await started(kind, place)).close(keep=False)  # the image is there, files are cached
    begun = time.perf_counter()
    sandbox = await started(kind, place)
    cold = time.perf_counter() - begun
    try:
        row(f"{kind}, program", await timed(count, lambda: sandbox.exec(COMMAND, timeout=60)))
        row(f"{kind}, persistent", await timed(count, lambda: sandbox.exec(COMMAND, timeout=60, persistent=True)))
        if kind == "docker":
            await asyncio.to_thread(docker_exec, max(count // 10, 5), sandbox._container)  # type: ignore[attr-defined]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        begun = time.perf_counter()
        flood = f"yes 'a line of output' | head -c {OUTPUT_BYTES}"
        result = await sandbox.exec(flood, timeout=300, persistent=True)
        assert result.output.total == OUTPUT_BYTES
        rate = OUTPUT_BYTES / (time.perf_counter() - begun) / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        await sandbox.exec("for d in $(seq 100); do mkdir d$d; for f in $(seq 100); do echo $d $f >d$d/f$f; done; done")
        snapshots = Snapshots(sandbox)
        await snapshots._run_checked("create", failure="create")
        await snapshots.keep_pristine()
        taken = []
        for number in range(10):
            await sandbox.exec(f"echo {number} >> d50/f50")
            begun = time.perf_counter()
            await snapshots.take()
            taken.append(time.perf_counter() - begun)
        times = []
        for make in (sandbox.fork, sandbox.fresh):
            begun = time.perf_counter()
            copy = await make()
            times.append(time.perf_counter() - begun)
            await copy.close(keep=False)
    finally:
        await sandbox.close(keep=False)
    snapshot, memory = 1000 * statistics.median(taken), f"{peak:.0f} ({before:.0f} before)"
    return [f"| {kind} | {cold:.3f} | {times[0]:.2f} | {times[1]:.2f} | {rate:.0f} | {memory} | {snapshot:.0f} |"]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--sandbox", nargs="*", default=["bubblewrap", "docker"])
    given = parser.parse_args()
    print("| command | median ms | p90 ms |\n| --- | --- | --- |")
    row("bare persistent bash", await asyncio.to_thread(bare_bash, given.count))
    with tempfile.TemporaryDirectory() as place:
        lines = [line for kind in given.sandbox for line in await measure(kind, given.count, Path(place))]
    print("\n| sandbox | start s | fork s | fresh s | output MB/s | peak MiB | snapshot of 10,000 files ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(lines), file=sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
