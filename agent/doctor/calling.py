"""Whether a model's calls arrive: each way to ask for them tried by one real request, and the best remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from agent.backend import Backend
from agent.catalogue.modes import ToolCallMode
from agent.doctor.asking import Asker
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
_SEED = 1  # the same every time, so that a report says the same until something changed
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
# A server that is to take calls apart must be told how when it is started. Source: the documentation of each.
_PARSERS = {
    "vLLM": ("--enable-auto-tool-choice --tool-call-parser", {"qwen3-coder": "qwen3_coder", "hermes": "hermes"}),
    "SGLang": ("--tool-call-parser", {"qwen3-coder": "qwen3_coder", "hermes": "qwen25"}),
}


@dataclass(frozen=True)
class Tried:
    """What came of a mode; `works` None is not decided, since the reply was cut before it could have a call."""

    works: bool | None
    told: str


async def check_calling(
    report: Report, backend: Backend, asker: Asker, *, guided: bool, on_progress: Callable[[str], None]
) -> None:
    """Measures every mode the server has, and remembers the best. With `guided`, sessions need no calls."""
    tried: dict[ToolCallMode, Tried] = {}
    for mode in TOOL_CALL_MODES:
        on_progress(f"measuring {NAMES[mode]}")

        async def check(mode: ToolCallMode = mode) -> Check:
            tried[mode] = await _try(mode, backend, asker)
            return _line(mode, tried[mode], backend)

        report.add(await guarded(NAMES[mode], check))
    best = _best(tried, backend.profile.tool_calling)
    if best:
        backend.remember(best, "measured by doctor")
    report.add(_summary(tried, best, backend, guided=guided))
    told = {mode: {"works": each.works, "told": each.told} for mode, each in tried.items()}
    report.tell("rungs", **told)
    tell_rung(report, backend)


def tell_rung(report: Report, backend: Backend) -> None:
    """Which mode a session would begin on now, and why."""
    remembered = backend.memory.recall(backend.server)
    report.tell("rungs", used=backend.tool_calls().mode, why="remembered" if remembered else "profile")


def request_for(mode: ToolCallMode, backend: Backend) -> Request:
    """A session's first request, with two of its tools, in the way of a mode."""
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


def judge(reply: Reply, mode: ToolCallMode) -> Tried:
    """Whether a reply is the call that was asked for, read and mended as a session reads and mends it."""
    calls, dialect = _calls(reply)
    if not calls:
        return _without(reply)
    runs = _runs(calls)
    if wrong := _wrong(runs):
        return Tried(False, wrong)
    told = f"{_TOOL} was called" + (f" {len(calls)} times" if len(calls) > 1 else "")
    if dialect and mode == "native":
        told += f", but written as text ({dialect}), which is read all the same"
    notes = [note for run in runs for note in run.notes]
    return Tried(True, told + (f"; mended: {' '.join(notes)}" if notes else ""))


def _calls(reply: Reply) -> tuple[list[ToolCall], str]:
    """The calls of a reply, and the dialect they were written in where they stood in its text."""
    cut = reply.finish_reason in {"length", "repetition"}
    calls = list(reply.calls)
    if cut and calls and not is_json(calls[-1].arguments):
        calls = calls[:-1]
    if calls:
        return calls, ""
    found = None if cut else parse_text(reply.content, _REGISTRY.parameters())
    return (list(found.calls), found.dialect) if found else ([], "")


def _runs(calls: Sequence[ToolCall]) -> list[Repaired]:
    """Calls as they would be run."""
    return [repair_call(call.name, arguments_json(call.arguments), _REGISTRY.parameters()) for call in calls]


def _wrong(runs: Sequence[Repaired]) -> str:
    """What is wrong with calls as they would be run; empty when each is the one asked for, its arguments valid."""
    for run in runs:
        if run.name != _TOOL:
            return f"it called {run.name[:60]} rather than {_TOOL}"
        try:
            ReadFile.arguments.model_validate(json.loads(run.arguments))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return f"it called {_TOOL} with arguments that are not valid: {where}: {first['msg']}"
    return ""


def _without(reply: Reply) -> Tried:
    """The verdict on a reply without a call that a session would run."""
    if reply.finish_reason == "repetition":
        return Tried(False, "the reply repeated itself without end")
    if reply.finish_reason != "length":
        return Tried(False, f"the reply has no call: {_excerpt(reply)}")
    said, tokens = reply.content.strip(), reply.usage.completion_tokens or REPLY_TOKENS
    calls = parse_text(said, _REGISTRY.parameters()).calls
    if calls and not _wrong(_runs(calls)):
        return Tried(None, f"a call came, but the reply went on for the {tokens} tokens that are waited for")
    if (reply.reasoning and not said) or said.startswith("<think>"):
        return Tried(None, f"it was still thinking after the {tokens} tokens that are waited for")
    return Tried(False, f"the reply has no whole call within {tokens} tokens: {_excerpt(reply)}")


def _excerpt(reply: Reply) -> str:
    words = " ".join((reply.content or reply.reasoning).split())
    return f"“{words[:60]}{'…' if len(words) > 60 else ''}”" if words else "it is empty"


async def _try(mode: ToolCallMode, backend: Backend, asker: Asker) -> Tried:
    if mode not in possible_modes(backend.server.can):
        lacks = {
            "native": "the server says that the model's chat template knows no tools",
            "begun": "the server can't go on with a reply that was begun for the model",
            "constrained": "the server can't hold a reply to a schema",
        }
        return Tried(False, lacks.get(mode, "the server lacks it"))
    try:
        asked = await asker.ask(request_for(mode, backend))
    except BackendError as error:
        return Tried(False, error.message)
    found = judge(asked.reply, mode)
    return Tried(found.works, f"{found.told} ({asked.reply.seconds:.1f} s)")


def _line(mode: ToolCallMode, tried: Tried, backend: Backend) -> Check:
    figures = {"rung": mode, "works": tried.works}
    if tried.works:
        return Check(NAMES[mode], "ok", tried.told, figures=figures)
    mend = _native_mend(backend) if mode == "native" and tried.works is False else ""
    return Check(NAMES[mode], "warn", tried.told, mend, figures=figures)


def _native_mend(backend: Backend) -> str:
    server = backend.server
    if server.name in _PARSERS:
        options, parsers = _PARSERS[server.name]
        return f"start {server.name} with {options} {parsers.get(backend.profile.dialect, 'PARSER')}"
    if server.name == "llama.cpp" and server.can.tools is False:
        return "start llama-server with --jinja --chat-template-file FILE, a template that has tools"
    return ""


def _best(tried: dict[ToolCallMode, Tried], wanted: ToolCallMode) -> ToolCallMode | None:
    """The profile's mode if it works, else the first that does; None as well where the profile's is not decided."""
    first = tried.get(wanted)
    if first and first.works is None:
        return None
    if first and first.works:
        return wanted
    return next((mode for mode in TOOL_CALL_MODES if mode in tried and tried[mode].works), None)


def _summary(tried: dict[ToolCallMode, Tried], best: ToolCallMode | None, backend: Backend, *, guided: bool) -> Check:
    used = backend.tool_calls().mode
    if best:
        return Check("tool calling", "ok", f"sessions begin with {NAMES[used]}; remembered for this model and server")
    if any(each.works is None for each in tried.values()):
        told = f"not decided; sessions begin with {NAMES[used]}, and go on to another way where that brings no call"
        return Check("tool calling", "warn", told)
    told = "no way of asking for a call brought one"
    mend = f"try another model (`swe-agent models list`), or `swe-agent fix --strategy guided`{', which needs none'}"
    if guided:
        return Check("tool calling", "warn", f"{told}; the guided strategy, which this model is used with, needs none")
    return Check("tool calling", "fail", told, mend, exit_code=3)
