"""What a step costs beside the model and the command: a thousand of them, to a prompt of 256K tokens.

Run it with `python benchmarks/steps.py`; `--peer` has mini-swe-agent (from the package index, in an environment of its
own) work through the same script after it. A scripted server, a process of its own, answers at once and records when
each request was complete and when its reply was. Between two of these lie the step's command and everything that is the
agent's: reading the reply, the journal, snapshots, budgets, the next request. The agent's process records when it waits
for its sandbox and when it is inside its client of the model. Own time is what is left without the sandbox (commands,
and the snapshots that are taken there); it is reported with and without the client. Processor time is that of the
agent's process for a whole step, which a busy machine changes less.

It exits with 1 where our own time with the client is over 5.5 ms (median) or 20 ms (99 of 100), grows with the session
(the last 100 steps over 1.3 times the first 100), 110 MB are resident, or the journal's second half is longer than its
first by a quarter.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.scripted_steps import make_repository, serving  # noqa: E402

MEDIAN_MS, P99_MS, GROWTH, RESIDENT_MB, JOURNAL_GROWTH = 5.5, 20.0, 1.3, 110.0, 1.25
EDGE = 100  # steps at either end that are compared

# Both agents run with their calls of the sandbox and of the model wrapped: each is recorded with its beginning and end
# on the system's clock, and the processor time that the agent had used at its end.
_RECORDING = """
import functools, inspect, sys, time
log = open(sys.argv.pop(1), "w", buffering=1)
def record(kind, owner, name):
    original = getattr(owner, name)
    def write(begin): log.write(f"{kind} {begin} {time.monotonic()} {time.process_time()}\\n")
    async def wrapped_async(*args, **kwargs):
        begin = time.monotonic()
        try:
            return await original(*args, **kwargs)
        finally:
            write(begin)
    def wrapped(*args, **kwargs):
        begin = time.monotonic()
        try:
            return original(*args, **kwargs)
        finally:
            write(begin)
    is_async = inspect.iscoroutinefunction(original)
    setattr(owner, name, functools.wraps(original)(wrapped_async if is_async else wrapped))
"""
_OURS = f"""{_RECORDING}
from agent.model.chat_completions import ChatCompletions
from sandbox.base import ShellSandbox
record("sandbox", ShellSandbox, "exec")
record("client", ChatCompletions, "send")
from agent.__main__ import main
main()
"""
_MINI = f"""{_RECORDING}
import litellm
from minisweagent.environments.local import LocalEnvironment
record("sandbox", LocalEnvironment, "execute")
record("client", litellm, "completion")
from minisweagent.run.mini import app
app()
"""


@dataclass(frozen=True)
class Step:
    """Seconds between a reply and the next request: all, those waiting for the sandbox, those inside the client."""

    between: float
    sandbox: float
    client: float

    @property
    def own(self) -> float:
        """The agent's share, without its client of the model."""
        return self.between - self.sandbox - self.client


# ---------------------------------------------------------------- running


@dataclass(frozen=True)
class Run:
    """The measurements of one agent; `cpu` is the seconds of processor time from one reply to the next."""

    steps: list[Step]
    cpu: list[float]
    tokens: int  # of the last prompt
    resident_mb: float
    seconds: float
    exit_code: int


def measured(argv: list[str], times: Path, waits: Path, *, cwd: Path, env: dict[str, str], log: Path) -> Run:
    """Run an agent to its end."""
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    rows = [tuple(map(float, line.split())) for line in times.read_text().splitlines()]
    calls = [line.split() for line in waits.read_text().splitlines()]
    steps = []
    for (_, replied, _), (requested, _, _) in itertools.pairwise(rows):
        spent = {"sandbox": 0.0, "client": 0.0}
        for kind, begin, end, _ in calls:
            spent[kind] += max(min(float(end), requested) - max(float(begin), replied), 0.0)
        steps.append(Step(requested - replied, **spent))
    used = [float(cpu) for kind, _, _, cpu in calls if kind == "client"]
    cpu = [after - before for before, after in itertools.pairwise(used)]
    tokens = int(rows[-1][2]) if rows else 0
    return Run(steps, cpu, tokens, usage.ru_maxrss / 1000, time.monotonic() - began, process.returncode)


def clean(**more: str) -> dict[str, str]:
    """The environment without settings of ours or of anybody's server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SWE_AGENT_", "OPENAI_"))}
    return {**kept, **more}


def ours(steps: int, sandbox: str, place: Path) -> tuple[Run, list[int]]:
    """`swe-agent fix`; and the journal's size after each of its lines."""
    repository = make_repository(place / "repository")
    (place / "issue.md").write_text("# add gives wrong sums\n\n`add(2, 3)` gives -1 instead of 5.\n")
    times, waits = place / "times", place / "waits"
    environment = clean(SWE_AGENT_HOME=str(place / "home"), XDG_CONFIG_HOME=str(place / "config"), PYTHONPATH=str(ROOT))
    with serving(times, steps) as url:
        argv = [
            sys.executable, "-c", _OURS, str(waits), "fix", "--issue", str(place / "issue.md"), "--repo",
            str(repository), "--base-url", url, "--sandbox", sandbox, "--strategy", "agent", "--json", "--max-steps",
            str(steps + 50), "--test", "python3 -m unittest",
        ]  # fmt: skip
        run = measured(argv, times, waits, cwd=place, env=environment, log=place / "log")
    (journal,) = (place / "home" / "sessions").glob("*/journal.jsonl")
    sizes: list[int] = []
    for line in journal.read_bytes().splitlines(keepends=True):
        sizes.append((sizes[-1] if sizes else 0) + len(line))
    return run, sizes


def peer(steps: int, cache: Path, place: Path) -> Run:
    """mini-swe-agent with native calls, on the same repository."""
    from benchmarks.fixing.peers import environment_of

    python = environment_of(cache, "mini-swe-agent", "mini-swe-agent", "mcp") / "python"
    repository = make_repository(place / "repository")
    settings = {"model": {"model_kwargs": {"api_base": ""}}, "agent": {"step_limit": 0, "cost_limit": 0}}
    times, waits, extra = place / "times", place / "waits", place / "local.yaml"
    environment = clean(
        MSWEA_CONFIGURED="true", MSWEA_COST_TRACKING="ignore_errors", MSWEA_GLOBAL_CONFIG_DIR=str(place / "mini"),
        MSWEA_SILENT_STARTUP="1", OPENAI_API_KEY="none", LITELLM_LOCAL_MODEL_COST_MAP="True",
    )  # fmt: skip
    with serving(times, steps, as_commands=True) as url:
        settings["model"]["model_kwargs"] = {"api_base": url}
        extra.write_text(json.dumps(settings))  # JSON is YAML
        argv = [
            str(python), "-c", _MINI, str(waits), "-m", "openai/scripted", "-c", "mini.yaml", "-c", str(extra), "-t",
            "add gives wrong sums", "-y", "--exit-immediately", "-l", "0", "-o", str(place / "trajectory.json"),
        ]  # fmt: skip
        return measured(argv, times, waits, cwd=repository, env=environment, log=place / "log")


# ---------------------------------------------------------------- reporting


def report(name: str, run: Run) -> tuple[float, float, float]:
    """Print one agent's figures; the median and 99th percentile in milliseconds, with the client, and its growth."""
    own = [1000 * (step.own + step.client) for step in run.steps]
    without_client = [1000 * step.own for step in run.steps]
    between = [1000 * step.between for step in run.steps]
    cpu = [1000 * seconds for seconds in run.cpu]
    first, last = statistics.median(own[:EDGE]), statistics.median(own[-EDGE:])
    cpu_first, cpu_last = statistics.median(cpu[:EDGE]), statistics.median(cpu[-EDGE:])
    p50, p99 = statistics.median(own), sorted(own)[int(0.99 * len(own))]
    print(f"{name}: {len(own)} steps in {run.seconds:.0f} s, exit code {run.exit_code}")
    print(f"  last prompt             {run.tokens:8,} tokens")
    print(f"  own time of a step      {p50:8.1f} ms median, {p99:8.1f} ms p99, {max(own):8.1f} ms at the most")
    print(f"  first and last {EDGE}      {first:8.1f} ms, {last:8.1f} ms median: {last / first:.2f} times")
    print(f"  without the client      {statistics.median(without_client):8.1f} ms median")
    print(f"  and with the sandbox    {statistics.median(between):8.1f} ms median, {sum(between) / 1000:8.1f} s in all")
    print(f"  processor time          {statistics.median(cpu):8.1f} ms median, ", end="")
    print(f"{cpu_first:8.1f} ms and {cpu_last:8.1f} ms of the first and last {EDGE}: {cpu_last / cpu_first:.2f} times")
    print(f"  resident                {run.resident_mb:8.1f} MB at the most", flush=True)
    return p50, p99, last / first


def main() -> int:
    """Run and print; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--sandbox", default="bubblewrap", choices=["bubblewrap", "docker", "local"])
    parser.add_argument("--peer", action="store_true", help="mini-swe-agent, too")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "swe-agent-benchmarks", metavar="DIR",
        help="where its environment is made")  # fmt: skip
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="swe-agent-steps-") as scratch:
        place = Path(scratch)
        for name in ("ours", "peer"):
            (place / name).mkdir()
        run, sizes = ours(given.steps, given.sandbox, place / "ours")
        if run.exit_code:
            print((place / "ours" / "log").read_text(errors="replace")[-2000:])
            return 1
        p50, p99, growth = report("swe-agent", run)
        half = sizes[len(sizes) // 2]
        journal = (sizes[-1] - half) / half
        print(f"  journal                 {sizes[-1] / 1e6:8.2f} MB, its second half {journal:.2f} times the first")
        if given.peer:
            report("mini-swe-agent", peer(given.steps, given.cache, place / "peer"))
    holds = p50 <= MEDIAN_MS and p99 <= P99_MS and growth <= GROWTH
    return 0 if holds and run.resident_mb < RESIDENT_MB and journal <= JOURNAL_GROWTH else 1


if __name__ == "__main__":
    raise SystemExit(main())
