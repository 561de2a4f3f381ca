"""The bundled runtime's speed beside that of a llama.cpp server tuned by hand on the same machine, in one run.

Run it with `python benchmarks/bundled.py`. The bundled one is started as every session starts it. The hand-tuned one
is the `llama-server` given (or on PATH), else the embedded server again: thread counts and ways to wait are tried
first, and the best for this work is kept. Then both do the same work in turns, one server running at a time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import product
from pathlib import Path

import anyio
import httpx2

from agent.bundled.options import RuntimeSettings, environment, threads
from agent.bundled.server import BundledServer
from agent.catalogue.download import pull
from agent.catalogue.profiles import find_profile

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = 8192
PROMPT_TOKENS = 1500
GENERATED_TOKENS = 100
TUNING_TOKENS = 600
"""Of the prompt while settings are tried: enough to tell them apart."""
TUNING_PASSES = 2
"""Over all settings; the better of each counts."""
START_SECONDS = 120.0
QUIET = 0.05
LEAST_RATIO = 0.9
"""Below this the program exits with 1."""
WAITS = {
    "asleep": {"OMP_WAIT_POLICY": "passive"},
    "spinning": {"OMP_WAIT_POLICY": "active"},
    "spinning briefly": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"},
    "as OpenMP does": {},
}
"""How threads wait for each other."""
_WAITING = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}

_EMBEDDED = """
import json, sys, xllamacpp
order = json.loads(sys.argv[1])
wanted = xllamacpp.CommonParams()
wanted.model.path = order["model"]
wanted.n_ctx = order["context"]
wanted.n_parallel = 1
wanted.cpuparams.n_threads = order["generate"]
wanted.cpuparams_batch.n_threads = order["read"]
wanted.hostnames = ["127.0.0.1"]
wanted.port = order["port"]
server = xllamacpp.Server(wanted)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Settings:
    """What a hand would tune on a processor: threads for generating and for reading a prompt, and how they wait."""

    generate: int
    read: int
    wait: str

    def __str__(self) -> str:
        return f"{self.generate} threads to generate, {self.read} to read, waiting {self.wait}"


@dataclass(frozen=True)
class Rates:
    """Tokens a second, by the server's own clock."""

    read: float
    generate: float
    others: float = math.nan
    """The share of all cores' time that other processes took meanwhile: what makes a figure uncertain."""

    @property
    def seconds(self) -> float:
        """What one turn of this benchmark's size takes."""
        return PROMPT_TOKENS / self.read + GENERATED_TOKENS / self.generate


def main() -> None:
    """Tune, measure in turns and print; exits with 1 when the bundled runtime is slower by more than a tenth."""
    asked = _arguments()
    # so that a server that runs is ended too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="swe-agent-bundled-") as scratch:
        anyio.run(run, asked, Path(scratch))


async def run(asked: argparse.Namespace, scratch: Path) -> None:
    """The benchmark; `scratch` gets the servers' logs."""
    given = Path(asked.model)
    model = given if given.suffix == ".gguf" else await pull(find_profile(asked.model))
    tool = _llama_server(asked.llama_server)
    if asked.wheel:
        os.environ["PATH"] = _path_without("llama-server")
    elif tool:
        os.environ["PATH"] = f"{Path(tool).parent}:{os.environ['PATH']}"
    print(f"{model.name}; {_cores()} cores", flush=True)

    tuned, tried = tune(tool, model, scratch)
    for settings, rates in tried:
        told = f"{rates.read:.0f} and {rates.generate:.1f} tokens a second; others {rates.others:.0%}"
        print(f"  tried {settings}: {told}", flush=True)
    versions: dict[str, str] = {}
    rounds: dict[str, list[Rates]] = {"bundled": [], "tuned": []}
    for number in range(asked.rounds):
        order = ["bundled", "tuned"] if number % 2 == 0 else ["tuned", "bundled"]
        for which in order:
            if which == "bundled":
                async with BundledServer(model, context=CONTEXT, log_path=scratch / "bundled.log") as server:
                    versions[which] = version(server.kind == "llama-server", server.base_url)
                    assert server.pid
                    rates = measure(server.base_url, server.pid, number)
            else:
                with tuned_server(tool, model, tuned, scratch) as (base_url, pid):
                    versions[which] = version(tool is not None, base_url)
                    rates = measure(base_url, pid, number)
            rounds[which].append(rates)
    print(f"bundled     {versions['bundled']}: {ours()}")
    print(f"hand-tuned  {versions['tuned']}: {tuned}")
    report(rounds["bundled"], rounds["tuned"])


def ours() -> Settings:
    """What the bundled runtime is started with."""
    waiting = {name: value for name, value in environment(RuntimeSettings()).items() if name in _WAITING}
    known = (name for name, setting in WAITS.items() if setting == waiting)
    return Settings(*threads(), next(known, " ".join(f"{name}={value}" for name, value in waiting.items())))


def tune(tool: str | None, model: Path, scratch: Path) -> tuple[Settings, list[tuple[Settings, Rates]]]:
    """The best of thread counts and ways to wait for one turn's work, and all that were tried."""
    best_of: dict[Settings, Rates] = {}
    for number in range(TUNING_PASSES):
        for wait, count in product(WAITS, _counts(_cores())):
            settings = Settings(count, count, wait)
            with tuned_server(tool, model, settings, scratch) as (base_url, pid):
                rates = measure(base_url, pid, number, prompt=TUNING_TOKENS)
            before = best_of.get(settings, rates)
            # what else the machine does only ever slows
            quieter = min(rates.others, before.others)
            best_of[settings] = Rates(max(rates.read, before.read), max(rates.generate, before.generate), quieter)
    tried = [*best_of.items()]
    best = []
    for wait in WAITS:
        same = [each for each in tried if each[0].wait == wait]
        reader = max(same, key=lambda each: each[1].read)
        writer = max(same, key=lambda each: each[1].generate)
        together = Rates(reader[1].read, writer[1].generate)
        best.append((together.seconds, Settings(writer[0].generate, reader[0].read, wait)))
    return min(best, key=lambda each: each[0])[1], tried


@contextmanager
def tuned_server(tool: str | None, model: Path, settings: Settings, scratch: Path) -> Iterator[tuple[str, int]]:
    """A llama.cpp server with these settings; gives its base URL and process id. RuntimeError when it doesn't start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    order = {
        "model": str(model),
        "context": CONTEXT,
        "generate": settings.generate,
        "read": settings.read,
        "port": port,
    }
    command = [sys.executable, "-c", _EMBEDDED, json.dumps(order)]
    if tool:
        options = ["--ctx-size", CONTEXT, "--parallel", 1, "--host", "127.0.0.1", "--port", port]
        options += ["--threads", settings.generate, "--threads-batch", settings.read]
        command = [tool, "--model", str(model), *map(str, options)]
    inherited = {name: value for name, value in os.environ.items() if name not in _WAITING}
    with (scratch / "tuned.log").open("ab") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=inherited | WAITS[settings.wait]
        )
        try:
            _await_server(server, port, Path(log.name))
            yield f"http://127.0.0.1:{port}/v1", server.pid
        finally:
            server.kill()
            server.wait()


def _await_server(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with _client() as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                if client.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"the hand-tuned server did not start; its log ends:\n{tail}")


def measure(base_url: str, pid: int, number: int, prompt: int = PROMPT_TOKENS) -> Rates:
    """One turn of work at a server: a prompt of `prompt` tokens that nothing is cached of, and the reply to it."""
    root = base_url.removesuffix("/v1")
    text = f"Round {number}.\n" + (ROOT / "agent" / "loop.py").read_text(encoding="utf-8") * 4
    with _client() as client:
        tokens = client.post(f"{root}/tokenize", json={"content": text}).raise_for_status().json()["tokens"][:prompt]
        if len(tokens) < prompt:
            raise RuntimeError(f"the text has {len(tokens)} tokens, fewer than {prompt}")
        body = {"temperature": 0.0, "cache_prompt": False, "ignore_eos": True}
        # first a few: what is set up at the first request is not to be measured
        warm = {**body, "prompt": tokens[-32:], "n_predict": 4}
        client.post(f"{root}/completion", json=warm).raise_for_status()
        asked = {**body, "prompt": tokens, "n_predict": GENERATED_TOKENS}
        began, before = time.monotonic(), _others(pid)
        timings = client.post(f"{root}/completion", json=asked).raise_for_status().json()["timings"]
        others = max(0.0, _others(pid) - before) / (time.monotonic() - began) / (os.cpu_count() or 1)
    if timings["prompt_n"] != prompt or timings["predicted_n"] != GENERATED_TOKENS:
        raise RuntimeError(f"the server did other work than it was asked for: {timings}")
    return Rates(timings["prompt_per_second"], timings["predicted_per_second"], others)


def version(installed: bool, base_url: str) -> str:
    """Which build answers: an installed llama-server's own word for it, else the wheel's version."""
    if not installed:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    with _client() as client:
        told = client.get(f"{base_url.removesuffix('/v1')}/props").json()
    return f"llama-server {told.get('build_info') or 'of unknown version'}"


def report(bundled: Sequence[Rates], tuned: Sequence[Rates]) -> None:
    """Print both, and the ratio of each round's two; exits with 1 when its median is too low."""
    figures: dict[str, Callable[[Rates], float]] = {
        "prompt, tokens/s": lambda rates: rates.read,
        "generation, tokens/s": lambda rates: rates.generate,
        "one turn, turns/min": lambda rates: 60 / rates.seconds,
    }
    print(f"\n{'median of ' + str(len(bundled)) + ' rounds':22} {'bundled':>18} {'hand-tuned':>18} {'ratio':>18}")
    slow = []
    for name, figure in figures.items():
        ours, theirs = [figure(each) for each in bundled], [figure(each) for each in tuned]
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        if statistics.median(ratios) < LEAST_RATIO:
            slow.append(name)
        print(f"{name:22} {_spread(ours, 1):>18} {_spread(theirs, 1):>18} {_spread(ratios, 2):>18}")
    others = statistics.median(each.others for each in (*bundled, *tuned))
    print(f"in brackets the lowest and the highest round; other processes took {others:.0%} of the cores meanwhile")
    if others > QUIET:
        print("the machine was not quiet: run it again, or more rounds")
    if slow:
        sys.exit(f"slower than a hand-tuned server by more than a tenth: {', '.join(slow)}")


def _spread(figures: Sequence[float], digits: int) -> str:
    low, high = min(figures), max(figures)
    return f"{statistics.median(figures):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _others(pid: int) -> float:
    """Seconds of all cores together that went to anything but this process, since the machine started."""
    try:
        machine = [int(each) for each in Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]]
        process = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # not Linux
        return math.nan
    idle = sum(machine[3:5])
    return (sum(machine) - idle - int(process[11]) - int(process[12])) / os.sysconf("SC_CLK_TCK")


def _client() -> httpx2.Client:
    # loopback: a proxy from the environment has no business here
    return httpx2.Client(trust_env=False, timeout=600.0)


def _cores() -> int:
    return threads()[1]


def _counts(cores: int) -> list[int]:
    """Thread counts to try: all up to four, then halves of what there is."""
    return sorted({*range(1, min(cores, 4) + 1), *(cores * part // 4 for part in (2, 3, 4)), cores} - {0})


def _llama_server(given: str | None) -> str | None:
    found = shutil.which(given or "llama-server")
    if given and not found:
        sys.exit(f"{given} is no program")
    return str(Path(found).absolute()) if found else None


def _path_without(program: str) -> str:
    return os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, program).exists())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="a model of the catalogue, or a .gguf file")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each")
    parser.add_argument("--llama-server", metavar="PATH", help="what is tuned by hand [default: the one on PATH]")
    parser.add_argument("--wheel", action="store_true", help="the bundled one is the embedded server even so")
    return parser.parse_args()


if __name__ == "__main__":
    main()
