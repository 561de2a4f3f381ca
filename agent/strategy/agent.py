"""The model decides: ask it, run the calls it makes, show it what they gave, again, until it submits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Literal

import anyio

from agent.errors import BackendRefused, ContextOverflow, ReplyUnparsable, SandboxLost
from agent.model.dialects import arguments_json, call_schema, is_json, parse_text
from agent.model.types import Reply, Request, ToolCall
from agent.recovery.stuck import StuckDetector
from agent.session.events import Ended, ModelReplied, Observed, PromptBegan, ToolCalled, UserSaid
from agent.session.transcript import as_text
from agent.strategy.work import Work, now
from agent.verify.tests import describe
from prompts import render
from tools import Observation
from tools.truncate import truncate

Mode = Literal["native", "constrained", "plain"]

SILENT_REPLIES = 2  # replies without a call before calls are asked for in another way
GIVE_UP_AFTER = 6  # … before the session ends
_LISTED_FILES = 60


@dataclass
class _Steps:
    """What one run of the strategy remembers beside the journal."""

    mode: Mode
    silent: int = 0
    moved: bool = False
    empty_submit: bool = False
    stuck: StuckDetector = field(default_factory=StuckDetector)


async def work_as_agent(work: Work) -> Ended:
    """Work on the issue until the model submits, a budget ends, or it goes nowhere; why it ended.

    Raises `BackendError`s and `SandboxUnavailable`.
    """
    steps = _Steps(mode=work.backend.profile.tool_calling)
    begin(work, steps.mode, "start")
    while True:
        if reason := work.exhausted():
            return Ended(status="budget", reason=reason)
        if work.meter.tokens > work.budget.prompt:
            return Ended(status="budget", reason=f"the window of {work.budget.window} tokens is full")
        try:
            reply = await ask(work, steps)
        except ContextOverflow as error:
            return Ended(status="budget", reason=str(error))
        if not reply.tool_calls:
            steps.silent += 1
            if steps.silent >= GIVE_UP_AFTER:
                return Ended(status="gave_up", reason=f"{steps.silent} replies in a row had no tool call")
            if steps.silent >= SILENT_REPLIES and steps.mode == "native" and not steps.moved:
                steps.mode, steps.moved = "constrained", True
                begin(work, steps.mode, "the model does not call tools by itself")
                continue
            cut = reply.finish_reason == "length"
            tell(work, render("nudge_cut", tokens=reply.usage.completion_tokens) if cut
                 else render("nudge_no_call", names=work.registry.names))  # fmt: skip
            continue
        steps.silent = 0
        if ended := await run_calls(work, steps, list(reply.tool_calls)):
            return ended


def begin(work: Work, mode: Mode, reason: str) -> None:
    """Begin a prompt whose calls are made in `mode`: the issue, what is known of the repository, the steps so far."""
    files = [entry.path.encode("utf-8", "replace").decode() for entry in work.repository.entries()]
    shown = files if len(files) <= _LISTED_FILES else files[:_LISTED_FILES]
    system = render(
        "agent_system",
        repo=work.sandbox.workspace.repo,
        test_command=work.tools.test_command,
        tools=None if mode == "native" else work.registry.schemas(),
    )
    issue = render(
        "agent_issue",
        issue=truncate(work.issue.text, work.budget.prompt // 3),
        files=shown if work.budget.window > 6000 else [],
        count=len(files),
        instructions=truncate(work.instructions, work.budget.observation),
        baseline=describe(work.baseline) if work.baseline else "",
    )
    carried = as_text(work.session.transcript.messages[2:])
    messages = [{"role": "system", "content": system}, {"role": "user", "content": issue}, *carried]
    work.meter.restart()
    work.session.emit(PromptBegan(mode=mode, messages=messages, reason=reason))
    work.meter.added(json.dumps(messages))
    if mode == "native":
        work.meter.added(json.dumps(work.registry.schemas()))


def tell(work: Work, text: str) -> None:
    """Say something to the model."""
    work.session.emit(UserSaid(content=text))
    work.meter.added(text)


async def ask(work: Work, steps: _Steps) -> ModelReplied:
    """The model's next reply, its calls found wherever they stand, journalled."""
    schemas = work.registry.schemas()
    request = Request(
        messages=work.session.transcript.messages,
        max_tokens=work.reply_tokens(),
        tools=schemas if steps.mode == "native" else [],
        json_schema=call_schema(schemas) if steps.mode == "constrained" else None,
        sampling=work.backend.sampling,
    )
    try:
        reply = await work.ask(request)
    except ReplyUnparsable:
        # the server can't read its model's calls: take the text as it is and read it here
        reply = await work.ask(replace(request, tools=[]))
    except BackendRefused as error:
        if error.status not in {400, 404, 415, 422, 500, 501} or steps.mode == "plain":
            raise
        # it may not know tools, or schemas: ask for less
        steps.mode = "constrained" if steps.mode == "native" else "plain"
        begin(work, steps.mode, f"the server refused: {error.message}")
        return await ask(work, steps)
    event = read_reply(reply, work, steps)
    work.session.emit(event)
    work.meter.measured(reply.usage.prompt_tokens, reply.usage.completion_tokens)
    if not reply.usage.prompt_tokens:
        work.meter.added(reply.content + "".join(call.arguments for call in event.tool_calls))
    return event


def read_reply(reply: Reply, work: Work, steps: _Steps) -> ModelReplied:
    """The event for a reply: native calls with their arguments made storable, else those in its text."""
    event = work.replied(reply, "step")
    calls = list(reply.calls)
    if reply.finish_reason == "length" and calls and not is_json(calls[-1].arguments):
        calls = calls[:-1]  # cut off in the middle: what is left of it must not be run
    if calls:
        stored = [call.model_copy(update={"arguments": arguments_json(call.arguments)}) for call in calls]
        return event.model_copy(update={"tool_calls": stored, "parsed": "native"})
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in work.registry.schemas()}
    cut = reply.finish_reason == "length"
    found = parse_text(reply.content, schemas) if not cut else None
    if found is None or not found.calls:
        return event
    parsed = "constrained" if steps.mode == "constrained" else found.dialect
    content = found.content if steps.mode == "native" else reply.content
    return event.model_copy(update={"content": content, "tool_calls": list(found.calls), "parsed": parsed})


async def run_calls(work: Work, steps: _Steps, calls: list[ToolCall]) -> Ended | None:
    """Run a reply's calls, reads beside each other and the rest in order; the end, if one of them was it."""
    changed = False
    nudges: list[int] = []
    at = 0
    while at < len(calls):
        group = [calls[at]]
        while at + len(group) < len(calls) and all(
            work.registry.reads_only(call.name) for call in (*group, calls[at + len(group)])
        ):
            group.append(calls[at + len(group)])
        at += len(group)
        if group[0].name == "submit":
            if changed:
                await work.snapshot()
            if ended := await _submit(work, steps, group[0]):
                return ended
            continue
        changed = changed or not work.registry.reads_only(group[0].name)
        for call, observation in zip(group, await run_group(work, group), strict=True):
            verdict, count = steps.stuck.observe(call.name, call.arguments, observation.text)
            if verdict == "stop":
                return Ended(status="gave_up", reason=f"the same call was made {count} times with the same result")
            if verdict == "nudge":
                nudges.append(count)
    if changed:
        await work.snapshot()
    for count in nudges:  # after all observations: a call's result must follow it at once
        tell(work, render("nudge_repeat", count=count))
    return None


async def run_group(work: Work, calls: list[ToolCall]) -> list[Observation]:
    """Run calls beside each other; intent is journalled before, observations after, in order."""
    work.session.emit(*(ToolCalled(call=call) for call in calls))
    results: list[tuple[Observation, float] | None] = [None] * len(calls)

    async def run(number: int, call: ToolCall) -> None:
        started = now()
        results[number] = (await _run_one(work, call), now() - started)

    try:
        async with anyio.create_task_group() as group:
            for number, call in enumerate(calls):
                group.start_soon(run, number, call)
    finally:
        observations = []
        for call, result in zip(calls, results, strict=True):
            observation, seconds = result or (Observation("interrupted before it ended", ok=False), 0.0)
            observations.append(observation)
            event = Observed(
                call_id=call.id,
                name=call.name,
                ok=observation.ok,
                content=observation.text,
                seconds=round(seconds, 3),
                meta=observation.meta,
            )
            work.session.emit(event)
            work.meter.added(observation.text)
    return observations


async def _run_one(work: Work, call: ToolCall) -> Observation:
    try:
        return await work.registry.run(work.tools, call.name, call.arguments)
    except SandboxLost as error:
        await work.revive(error.message)
        return Observation(
            "The sandbox went away while this ran and was started again. Files are as they were left; processes "
            "and /tmp are gone. Look at the state of things before you go on.",
            ok=False,
        )


async def _submit(work: Work, steps: _Steps, call: ToolCall) -> Ended | None:
    """Run a submit; an empty one is questioned once."""
    tree = await work.snapshots.take()
    observation = (await run_group(work, [call]))[0]
    if not observation.ok:
        return None
    if tree == work.base_tree and not steps.empty_submit:
        steps.empty_submit = True
        tell(work, render("nudge_empty_submit"))
        return None
    return Ended(status="submitted", summary=str(observation.meta.get("summary", "")))
