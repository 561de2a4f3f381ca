"""The model decides: ask it, run the calls it makes, show it what they gave, again, until it submits."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import BackendRefused, ContextOverflow, ReplyUnparsable
from agent.model.dialects import DIALECTS, arguments_json, call_schema, is_json, json_call, parse_text
from agent.model.tool_calling import ToolCallPolicy
from agent.model.types import Reply, Request
from agent.recovery.no_tool_call import nudge_for_missing_call
from agent.run.context import REFUSED, Work
from agent.run.resume import resume_prompt
from agent.session.events import Ended, ModelReplied, PromptBegan
from agent.session.transcript import as_text
from agent.strategy.agent.compaction import Compactor, as_json
from agent.strategy.agent.stream_display import Showing
from agent.strategy.agent.tool_calls import Caller
from agent.strategy.agent.toolset import equip
from agent.text import estimate_tokens, truncate
from agent.verify.suite import describe
from prompts import render

GIVE_UP_AFTER = 6
"""Replies in a row without a call, in the last mode there is, before the session ends."""
_LISTED_FILES = 60
_LISTING_WINDOW = 6_000  # tokens; a smaller one has no room for a list of files


async def work_as_agent(work: Work) -> Ended:
    """Work on the issue until the model submits, a budget ends, or it goes nowhere; why it ended.

    Where its last submit was found good, and it has changed nothing since, that is how it ended. Raises
    `BackendError`s and `SandboxUnavailable`.
    """
    ended = await _work(work)
    return ended if ended.status == "submitted" else work.fallback or ended


async def _work(work: Work) -> Ended:
    policy = work.backend.tool_calls()
    equip(work)
    if not await resume_prompt(work, policy):
        carry = work.session.state.prompted  # of a prompt that this server can't go on with
        await begin(work, policy, "another server" if carry else "start", carry=carry)
    caller = Caller(work)
    compactor = Compactor(work, policy)
    while True:
        if ended := _spent(work) or await compactor.make_room() or _spent(work):
            return ended
        try:
            reply = await ask(work, policy)
        except ContextOverflow as error:
            if ended := compactor.overflowed(error):
                return ended
            continue
        compactor.replied()
        if reply.tool_calls:
            if not policy.has_called:
                work.backend.remember(policy.mode, "a session's calls came this way")
            policy.called()
            if ended := await caller.run(reply.tool_calls):
                return ended
        elif word := nudge_for_missing_call(reply, policy, work.registry.names):
            work.tell(word)
        else:
            await begin(work, policy, "the replies had no tool call")
        if policy.replies_without_call >= GIVE_UP_AFTER:
            return Ended(status="gave_up", reason=f"{policy.replies_without_call} replies in a row had no tool call")


def _spent(work: Work) -> Ended | None:
    """The end, where a budget is used up."""
    reason = work.exhausted()
    return Ended(status="budget", reason=reason) if reason else None


async def begin(work: Work, policy: ToolCallPolicy, reason: str, *, carry: bool = True) -> None:
    """Begin a prompt whose calls are made in a mode: the issue, what is known of the repository, the steps so far."""
    native = policy.mode == "native"
    dialect = DIALECTS[work.backend.profile.dialect]
    constrained = policy.mode == "constrained"
    system = render(
        "agent_system",
        repo=work.sandbox.workspace.repo,
        test_command=work.tools.test_command,
        names=work.registry.names,
        network=work.settings.network == "allow",
        tools=None if native else work.registry.schemas(),
        syntax="" if constrained else dialect.syntax(),
    )
    tools = work.registry.schemas() if native else []
    issue = _opening(work, estimate_tokens(system + as_json([], tools)))
    summary = work.session.transcript.summary if carry else ""
    steps = work.session.transcript.steps if carry else []
    carried = as_text(steps, json_call if constrained else dialect.write)
    if carried and carried[-1]["role"] == "assistant":  # else it would be taken for the beginning of the reply
        carried.append({"role": "user", "content": render("nudge_no_call", names=work.registry.names)})
    messages = [{"role": "system", "content": system}, {"role": "user", "content": issue + summary}, *carried]
    work.session.emit(PromptBegan(mode=policy.mode, messages=messages, reason=reason, summary=summary))
    work.prefix.reset()
    work.meter.reset()
    if counted := await work.backend.server.count(messages, tools):
        work.meter.record_usage(counted, 0)
    else:
        work.meter.add(as_json(messages, tools))


def _opening(work: Work, fixed: int) -> str:
    """The first message: issue, files, instructions and the tests' state, cut to what the window has room for."""
    files = [entry.path.encode("utf-8", "replace").decode() for entry in work.repository.entries()]
    given = {
        "files": files[:_LISTED_FILES] if work.budget.window > _LISTING_WINDOW else [],
        "count": len(files),
        "baseline": describe(work.baseline) if work.baseline else "",
        "notes": truncate(work.notes, work.budget.observation) if work.notes else "",
    }
    fixed += estimate_tokens(render("agent_issue", issue="", instructions="", **given))
    room = work.budget.opening_room(fixed)
    instructions = truncate(work.instructions, min(room // 4, work.budget.observation))
    issue = truncate(work.issue.text, room - estimate_tokens(instructions))
    return render("agent_issue", issue=issue, instructions=instructions, **given)


async def ask(work: Work, policy: ToolCallPolicy) -> ModelReplied:
    """The model's next reply, its calls found wherever they stand, journalled."""
    schemas = work.registry.schemas()
    request = Request(
        messages=list(work.session.transcript.messages),  # the transcript goes on growing
        max_tokens=work.reply_tokens(),
        tools=schemas if policy.mode == "native" else [],
        json_schema=call_schema(schemas) if policy.mode == "constrained" else None,
        begun=DIALECTS[work.backend.profile.dialect].opening if policy.mode == "begun" else "",
        sampling=work.backend.sampling,
        slot="own",
    )
    showing = Showing(work, request.begun)
    try:
        reply = await work.ask(request, showing.text, showing.again)
    except ReplyUnparsable as error:
        # the server can't read its model's calls: take the text as it is and read it here
        showing.again(f"{error}; asking for the text as it is")
        request = replace(request, tools=[])
        reply = await work.ask(request, showing.text, showing.again)
    except BackendRefused as error:
        if error.status not in REFUSED or not policy.refused():
            raise
        await begin(work, policy, f"the server refused: {error.message}")
        return await ask(work, policy)
    showing.end()
    event = read_reply(reply, work, policy)
    work.session.emit(event)
    watch(work, request, reply)
    work.meter.record_usage(reply.usage.prompt_tokens, reply.usage.completion_tokens, thoughts=bool(reply.reasoning))
    if not reply.usage.prompt_tokens:
        work.meter.add(reply.content + "".join(call.arguments for call in event.tool_calls))
    return event


def watch(work: Work, request: Request, reply: Reply) -> None:
    """Tell the user where the server read again what it had read; a slot that does not keep it is let go."""
    server = work.backend.server
    always = server.can.reports_cached and reply.timings is not None  # others tell only if they were started so
    miss = work.prefix.check(request, reply.usage, reports=always)
    if miss is None:
        return
    let_go = miss.same_bytes and server.let_go()
    work.warn(miss.message + ("; from now on the server chooses its slot" if let_go else ""))


def read_reply(reply: Reply, work: Work, policy: ToolCallPolicy) -> ModelReplied:
    """The event for a reply: native calls with their arguments made storable, else those in its text."""
    event = work.replied(reply, "step")
    calls = list(reply.calls)
    most = 1 if work.backend.profile.one_call else None
    cut = reply.finish_reason in {"length", "repetition"}
    if cut and calls and not is_json(calls[-1].arguments):
        calls = calls[:-1]  # cut off in the middle: what is left of it must not be run
    if calls:
        stored = [call.model_copy(update={"arguments": arguments_json(call.arguments)}) for call in calls[:most]]
        return event.model_copy(update={"tool_calls": stored, "parsed": "native"})
    found = parse_text(reply.content, work.registry.parameters()) if not cut else None
    if found is None or not found.calls:
        return event
    parsed = "constrained" if policy.mode == "constrained" else found.dialect
    content = found.content if policy.mode == "native" else reply.content
    return event.model_copy(update={"content": content, "tool_calls": list(found.calls[:most]), "parsed": parsed})
