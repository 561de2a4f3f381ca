"""How many of a model's replies carry a call that can be run: well formed, of a known tool, valid by its schema.

Run it with `python benchmarks/tool_calls.py`. Real sessions (the agent strategy, the sandbox, the bundled runtime) work
on small repositories with bugs, with one seed after another, until enough replies are in. A reply counts when it is
whole, has a call, and every call in it is valid; both as the model wrote it and as it is run, after its repair.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import anyio
from pydantic import BaseModel, ValidationError
from small_bugs import make_repositories

from agent.bundled.server import BundledServer, RuntimeSettings
from agent.catalogue.download import pull
from agent.catalogue.profiles import find_profile
from agent.model.dialects import repair_call
from agent.session.events import EVENT, Event, ModelReplied, PromptBegan, Result
from tools import DEFAULT_TOOLS, Registry

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = 16384
MAX_STEPS = 12
FIRST_SEED = 1
STALLED_SESSIONS = 3
"""Sessions in a row without a reply, after which the run is given up."""
MIN_SHARE = 0.98
"""The share of good replies below which the program exits with 1."""

ARGUMENTS: dict[str, type[BaseModel]] = {tool.name: tool.arguments for tool in DEFAULT_TOOLS}
SCHEMAS = Registry().parameters()


@dataclass(frozen=True)
class JudgedReply:
    """One reply: its session and number, the tool-call mode, and what is wrong with it, as written and as run."""

    where: str
    mode: str
    parsed: str
    calls: int
    wrong_as_written: str
    wrong_as_run: str


def main() -> None:
    """Run sessions, judge their replies, print a table; exits with 1 when too few are valid."""
    asked = _arguments()
    # the exit ends the session and the server that are running
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="swe-agent-tool-calls-") as scratch:
        judged = anyio.run(run, asked, Path(scratch))
    report(judged)


async def run(asked: argparse.Namespace, scratch: Path) -> list[JudgedReply]:
    """The judged replies; the server is the one at `--base-url`, else a bundled one started for the run."""
    if asked.base_url:
        return judge_sessions(asked, asked.base_url, scratch)
    given = Path(asked.model)
    model = given if given.suffix == ".gguf" else await pull(find_profile(asked.model))
    settings = RuntimeSettings(name=given.stem if given.suffix == ".gguf" else asked.model)
    log = scratch / "model-server.log"
    async with BundledServer(model, context=asked.context, log_path=log, settings=settings) as server:
        return judge_sessions(asked, server.base_url, scratch)


def judge_sessions(asked: argparse.Namespace, base_url: str, scratch: Path) -> list[JudgedReply]:
    """Sessions, one after another, until `--replies` replies are judged."""
    places = make_repositories(scratch)
    judged: list[JudgedReply] = []
    empty = 0
    for number in count():
        name, repository, issue = places[number % len(places)]
        seed = FIRST_SEED + number // len(places)
        with closing(session_events(asked, base_url, repository, issue, seed, scratch)) as events:
            found = [*islice(judge(events, f"{name} {seed}", asked.record), asked.replies - len(judged))]
        judged += found
        good = sum(not each.wrong_as_run for each in judged)
        print(f"  {name}, seed {seed}: {len(found)} replies; {good} of {len(judged)} good so far", flush=True)
        empty = 0 if found else empty + 1
        if len(judged) >= asked.replies:
            return judged
        if empty == STALLED_SESSIONS:
            sys.exit(f"{empty} sessions in a row gave no reply; the last said:\n{_tail(scratch / 'sessions.log')}")
    return judged


def session_events(
    asked: argparse.Namespace, base_url: str, repository: Path, issue: Path, seed: int, scratch: Path
) -> Generator[Event]:
    """The events of one session as they come; closing it ends the session."""
    command = [sys.executable, "-m", "agent", "fix", "--issue", str(issue), "--repo", str(repository), "--json"]
    command += ["--strategy", "agent", "--max-steps", str(MAX_STEPS), "--seed", str(seed), "--base-url", base_url]
    command += ["--sandbox", asked.sandbox]
    environment = os.environ | {"SWE_AGENT_HOME": str(scratch / "home")}
    with (scratch / "sessions.log").open("ab") as log:
        session = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        try:
            assert session.stdout
            for line in session.stdout:
                yield EVENT.validate_json(line)
        finally:
            session.send_signal(signal.SIGINT)
            session.communicate()


def judge(events: Iterator[Event], where: str, record: Path | None) -> Iterator[JudgedReply]:
    """A verdict for each reply that was to be a step."""
    mode, number = "", 0
    for event in events:
        match event:
            case PromptBegan():
                mode = event.mode
            case ModelReplied(purpose="step"):
                number += 1
                one = judge_reply(event, f"{where}, reply {number}", mode)
                if record:
                    _append(record, event, one)
                yield one
            case Result(error=str(error)):
                print(f"  {where} ended with: {error}", flush=True)


def judge_reply(reply: ModelReplied, where: str, mode: str) -> JudgedReply:
    """What is wrong with a reply, if anything: cut, no call, or a call that is not valid."""
    general = ""
    if reply.finish_reason in {"length", "repetition"}:
        general = f"cut ({reply.finish_reason})"
    elif not reply.tool_calls:
        general = f"no call: {' '.join(reply.content.split())[:100]!r}"
    written = [invalid(call.name, call.arguments) for call in reply.tool_calls]
    run = [repair_call(call.name, call.arguments, SCHEMAS) for call in reply.tool_calls]
    repaired = [invalid(call.name, call.arguments) for call in run]
    return JudgedReply(
        where,
        mode,
        reply.parsed if reply.tool_calls else "",
        len(reply.tool_calls),
        general or "; ".join(filter(None, written)),
        general or "; ".join(filter(None, repaired)),
    )


def invalid(name: str, arguments: str) -> str:
    """Why a call can't be run; empty when it is valid, strictly: no type stands in for another."""
    if name not in ARGUMENTS:
        return f"no tool {name[:40]!r}"
    try:
        ARGUMENTS[name].model_validate_json(arguments, strict=True)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        return f"{name}: {', '.join(problems)[:160]}"
    return ""


def report(judged: Sequence[JudgedReply]) -> None:
    """A table by mode, and each bad reply's reason; exits with 1 when too few are good."""
    print(f"\n{'calls asked for':16} {'replies':>8} {'calls':>6} {'as written':>11} {'as run':>7}   found in")
    for mode in [*dict.fromkeys(each.mode for each in judged), "all"]:
        some = [each for each in judged if mode in {each.mode, "all"}]
        written = sum(not each.wrong_as_written for each in some)
        run = sum(not each.wrong_as_run for each in some)
        found = Counter(each.parsed for each in some if each.parsed)
        where = ", ".join(f"{name} {times}" for name, times in found.most_common())
        calls = sum(each.calls for each in some)
        print(f"{mode:16} {len(some):8} {calls:6} {written:11} {run:7}   {where}")
    for each in judged:
        if each.wrong_as_run:
            print(f"bad: {each.where} ({each.mode}): {each.wrong_as_run}")
        elif each.wrong_as_written:
            print(f"repaired: {each.where} ({each.mode}): {each.wrong_as_written}")
    good = sum(not each.wrong_as_run for each in judged)
    print(f"{good} of {len(judged)} replies had well-formed, schema-valid calls only")
    if good < MIN_SHARE * len(judged):
        sys.exit(f"fewer than {MIN_SHARE:.0%}")


def _append(record: Path, reply: ModelReplied, judged: JudgedReply) -> None:
    entry: dict[str, Any] = {"judged": vars(judged), "reply": reply.model_dump(mode="json")}
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-1500:] if log.exists() else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="a model of the catalogue, or a .gguf file")
    parser.add_argument("--replies", type=int, default=100, help="how many to judge")
    parser.add_argument("--context", type=int, default=CONTEXT, help="the bundled server's window, in tokens")
    parser.add_argument("--base-url", help="a server that runs already")
    parser.add_argument("--sandbox", default="bubblewrap", help="where commands run")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write each reply and its verdict here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
