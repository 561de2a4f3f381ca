"""Whether a model's tool calls arrive: each mode is tried with one real request, and the best is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from agent.backend import Backend
from agent.catalogue.modes import ToolCallMode
from agent.doctor.probe_client import ProbeClient
from agent.doctor.report import Check, Report, guarded
from agent.errors import BackendError
from agent.model.dialects import DIALECTS, Repaired, arguments_json, call_schema, is_json, parse_text, repair_call
from agent.model.tool_calling import TOOL_CALL_MODES, possible_modes
from agent.model.types import Reply, Request, ToolCall
from prompts import render
from tools.read_file import ReadFile
from tools.registry import Registry
from tools.shell import Shell

REPLY_TOKENS = 120
"""The most tokens of a reply: a call of `read_file` with its argument takes 30 to 50."""
_SEED = 1  # the same in every run, so that a report changes only when something it measures has changed
NAMES: dict[ToolCallMode, str] = {
    "native": "native tool calls",
    "text": "calls in the text",
    "begun": "a begun reply",
    "constrained": "a constrained reply",
}
_REGISTRY = Registry((ReadFile(), Shell()))
_TOOL = ReadFile.name
_ISSUE = (
    "The issue: parse_line in src/parser.py crashes on an empty line.\n\n"
    f"Begin by looking at the file src/parser.py with {_TOOL}."
)
# These servers parse native calls only when they are started with a parser's name. Source: their documentation.
_PARSERS = {
    "vLLM": ("--enable-auto-tool-choice --tool-call-parser", {"qwen3-coder": "qwen3_coder", "hermes": "hermes"}),
    "SGLang": ("--tool-call-parser", {"qwen3-coder": "qwen3_coder", "hermes": "qwen25"}),
}
_UNSUPPORTED: dict[ToolCallMode, str] = {
    "native": "the server says that the model's chat template supports no tools",
    "begun": "the server can't continue a reply that was begun for the model",
    "constrained": "the server can't constrain a reply to a schema",
}


@dataclass(frozen=True)
class ModeResult:
    """What a mode's request showed.

    `works` is None where that is undecided: the reply was cut before it could have a call. `reason` is for people.
    """

    works: bool | None
    reason: str


async def check_tool_calling(
    report: Report, backend: Backend, client: ProbeClient, *, guided: bool, on_progress: Callable[[str], None]
) -> None:
    """Tries every mode and remembers the best one for this model and server.

    With `guided` sessions need no tool calls, so that none arriving is a warning only.
    """
    results: dict[ToolCallMode, ModeResult] = {}
    for mode in TOOL_CALL_MODES:
        on_progress(f"measuring {NAMES[mode]}")

        async def check(mode: ToolCallMode = mode) -> Check:
            results[mode] = await _try(mode, backend, client)
            return _line(mode, results[mode], backend)

        report.add(await guarded(NAMES[mode], check))
    best = _best(results, backend.profile.tool_calling)
    if best:
        backend.remember(best, "measured by doctor")
    report.add(_summary(results, best, backend, guided=guided))
    by_mode = {mode: {"works": each.works, "told": each.reason} for mode, each in results.items()}
    report.add_figures("rungs", **by_mode)
    add_current_mode(report, backend)


def add_current_mode(report: Report, backend: Backend) -> None:
    """Add to the report which mode a session would begin in now, and why."""
    remembered = backend.memory.recall(backend.server)
    report.add_figures("rungs", used=backend.tool_calls().mode, why="remembered" if remembered else "profile")


def request_for(mode: ToolCallMode, backend: Backend) -> Request:
    """A session's first request in a mode, with two of its tools."""
    dialect = DIALECTS[backend.profile.dialect]
    schemas = _REGISTRY.schemas()
    native, constrained = mode == "native", mode == "constrained"
    system = render(
        "agent_system",
        repo="/workspace/repo",
        test_command=None,
        names=_REGISTRY.names,
        network=False,
        tools=None if native else schemas,
        syntax="" if constrained else dialect.syntax(),
    )
    return Request(
        messages=[{"role": "system", "content": system}, {"role": "user", "content": _ISSUE}],
        max_tokens=REPLY_TOKENS,
        tools=schemas if native else [],
        json_schema=call_schema(schemas) if constrained else None,
        begun=dialect.opening if mode == "begun" else "",
        sampling=replace(backend.sampling, seed=backend.sampling.seed or _SEED),
    )


def evaluate(reply: Reply, mode: ToolCallMode) -> ModeResult:
    """Whether a reply is the call that was asked for, parsed and repaired as in a session."""
    calls, dialect = _calls(reply)
    if not calls:
        return _result_without_call(reply)
    repaired = _repaired(calls)
    if error := _first_error(repaired):
        return ModeResult(False, error)
    reason = f"{_TOOL} was called" + (f" {len(calls)} times" if len(calls) > 1 else "")
    if dialect and mode == "native":
        reason += f", but written as text ({dialect}), which is understood as well"
    notes = [note for call in repaired for note in call.notes]
    return ModeResult(True, reason + (f"; repaired: {' '.join(notes)}" if notes else ""))


def _calls(reply: Reply) -> tuple[list[ToolCall], str]:
    """The calls of a reply, and the dialect they are written in where they are in its text."""
    cut = reply.finish_reason in {"length", "repetition"}
    calls = list(reply.calls)
    if cut and calls and not is_json(calls[-1].arguments):
        calls = calls[:-1]
    if calls:
        return calls, ""
    found = None if cut else parse_text(reply.content, _REGISTRY.parameters())
    return (list(found.calls), found.dialect) if found else ([], "")


def _repaired(calls: Sequence[ToolCall]) -> list[Repaired]:
    """Calls as a session would run them."""
    return [repair_call(call.name, arguments_json(call.arguments), _REGISTRY.parameters()) for call in calls]


def _first_error(calls: Sequence[Repaired]) -> str:
    """What is wrong with repaired calls; empty when each is of the tool asked for, with valid arguments."""
    for call in calls:
        if call.name != _TOOL:
            return f"it called {call.name[:60]} rather than {_TOOL}"
        try:
            ReadFile.arguments.model_validate(json.loads(call.arguments))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return f"it called {_TOOL} with arguments that are not valid: {where}: {first['msg']}"
    return ""


def _result_without_call(reply: Reply) -> ModeResult:
    """The result of a reply without a call that a session would run."""
    if reply.finish_reason == "repetition":
        return ModeResult(False, "the reply repeated itself without end")
    if reply.finish_reason != "length":
        return ModeResult(False, f"the reply has no call: {_excerpt(reply)}")
    text, tokens = reply.content.strip(), reply.usage.completion_tokens or REPLY_TOKENS
    calls = parse_text(text, _REGISTRY.parameters()).calls
    if calls and not _first_error(_repaired(calls)):
        return ModeResult(None, f"a call came, but the reply did not end within {tokens} tokens")
    if (reply.reasoning and not text) or text.startswith("<think>"):
        return ModeResult(None, f"it was still thinking after {tokens} tokens")
    return ModeResult(False, f"the reply has no whole call within {tokens} tokens: {_excerpt(reply)}")


def _excerpt(reply: Reply) -> str:
    words = " ".join((reply.content or reply.reasoning).split())
    return f"“{words[:60]}{'…' if len(words) > 60 else ''}”" if words else "it is empty"


async def _try(mode: ToolCallMode, backend: Backend, client: ProbeClient) -> ModeResult:
    if mode not in possible_modes(backend.server.can):
        return ModeResult(False, _UNSUPPORTED.get(mode, "the server does not support it"))
    try:
        timed = await client.send(request_for(mode, backend))
    except BackendError as error:
        return ModeResult(False, error.message)
    result = evaluate(timed.reply, mode)
    return ModeResult(result.works, f"{result.reason} ({timed.reply.seconds:.1f} s)")


def _line(mode: ToolCallMode, result: ModeResult, backend: Backend) -> Check:
    figures = {"rung": mode, "works": result.works}
    if result.works:
        return Check(NAMES[mode], "ok", result.reason, figures=figures)
    remedy = _native_remedy(backend) if mode == "native" and result.works is False else ""
    return Check(NAMES[mode], "warn", result.reason, remedy, figures=figures)


def _native_remedy(backend: Backend) -> str:
    server = backend.server
    if server.name in _PARSERS:
        options, parsers = _PARSERS[server.name]
        return f"start {server.name} with {options} {parsers.get(backend.profile.dialect, 'PARSER')}"
    if server.name == "llama.cpp" and server.can.tools is False:
        return "start llama-server with --jinja --chat-template-file FILE, a template with tools"
    return ""


def _best(results: dict[ToolCallMode, ModeResult], preferred: ToolCallMode) -> ToolCallMode | None:
    """The preferred mode if it works, else the first that does.

    None if the preferred one is undecided, or none works.
    """
    first = results.get(preferred)
    if first and first.works is None:
        return None
    if first and first.works:
        return preferred
    return next((mode for mode in TOOL_CALL_MODES if mode in results and results[mode].works), None)


def _summary(
    results: dict[ToolCallMode, ModeResult], best: ToolCallMode | None, backend: Backend, *, guided: bool
) -> Check:
    used = NAMES[backend.tool_calls().mode]
    if best:
        return Check("tool calling", "ok", f"sessions begin with {used}; remembered for this model and server")
    if any(each.works is None for each in results.values()):
        value = f"undecided; sessions begin with {used}, and change to another mode where that brings no call"
        return Check("tool calling", "warn", value)
    value = "no call arrived in any mode"
    if guided:
        return Check("tool calling", "warn", f"{value}; the guided strategy, which this model is used with, needs none")
    remedy = "try another model (`swe-agent models list`), or `swe-agent fix --strategy guided`, which needs none"
    return Check("tool calling", "fail", value, remedy, exit_code=3)
