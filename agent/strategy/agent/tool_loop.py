"""The model decides: ask it, run the calls it makes, show it what they gave, again, until it submits."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import BackendRefused, ContextOverflow, ReplyUnparsable
from agent.model.dialects import DIALECTS, arguments_json, call_schema, is_json, json_call, parse_text
from agent.model.tool_calling import ToolCallPolicy
from agent.model.types import Reply, Request
from agent.recovery.no_tool_call import nudge_for_missing_call
from agent.run.model_session import UNSUPPORTED_STATUSES
from agent.run.resume import resume_prompt
from agent.run.run import Run
from agent.session.events import Ended, ModelReplied, PromptBegan
from agent.session.transcript import as_text
from agent.strategy.agent.compaction import Compactor, as_json
from agent.strategy.agent.prompt_state import PromptState
from agent.strategy.agent.stream_display import StreamDisplay
from agent.strategy.agent.tool_calls import ToolCallRunner
from agent.strategy.agent.toolset import equip
from agent.text import estimate_tokens, truncate
from agent.verify.suite import describe
from prompts import render

GIVE_UP_AFTER = 6
"""Replies in a row without a call, in the last mode there is, before the session ends."""
_LISTED_FILES = 60
_LISTING_WINDOW = 6_000  # tokens; a smaller one has no room for a list of files


async def work_as_agent(run: Run, notes: str = "") -> Ended:
    """Work on the issue until the model submits, a budget ends, or it goes nowhere; why it ended.

    Where its last submit was found good, and it has changed nothing since, that is how it ended. Raises
    `BackendError`s and `SandboxUnavailable`.
    """
    ended = await AgentLoop(run, notes).run()
    return ended if ended.status == "submitted" else run.best.ending or ended


class AgentLoop:
    """Ask, run the calls, again."""

    def __init__(self, run: Run, notes: str) -> None:
        self._run = run
        self._notes = notes
        self._prompt = PromptState(run.model.backend.tool_calls())

    async def run(self) -> Ended:
        """Go round until something ends it. Raises `BackendError`s and `SandboxUnavailable`."""
        run, policy = self._run, self._prompt.policy
        equip(run)
        if not await resume_prompt(run, policy):
            carry = run.session.state.prompt.begun  # of a prompt that this server can't go on with
            await self._begin("another server" if carry else "start", carry=carry)
        calls = ToolCallRunner(run)
        compactor = Compactor(run, self._prompt)
        while True:
            if ended := _budget_end(run) or await compactor.make_room() or _budget_end(run):
                return ended
            try:
                reply = await self._ask()
            except ContextOverflow as error:
                if ended := compactor.overflowed(error):
                    return ended
                continue
            compactor.replied()
            if reply.tool_calls:
                if not policy.has_called:
                    run.model.backend.remember(policy.mode, "a session's calls came this way")
                policy.called()
                if ended := await calls.run_calls(reply.tool_calls):
                    return ended
            elif nudge := nudge_for_missing_call(reply, policy, run.tools.registry.names):
                run.model.add_user_message(nudge)
            else:
                await self._begin("the replies had no tool call")
            if policy.replies_without_call >= GIVE_UP_AFTER:
                return Ended(
                    status="gave_up", reason=f"{policy.replies_without_call} replies in a row had no tool call"
                )

    async def _begin(self, reason: str, *, carry: bool = True) -> None:
        """Begin a prompt in the policy's mode: the issue, what is known of the repository; with `carry`, the steps."""
        run, mode = self._run, self._prompt.policy.mode
        native, constrained = mode == "native", mode == "constrained"
        dialect = DIALECTS[run.model.backend.profile.dialect]
        system = render(
            "agent_system",
            repo=run.workspace.sandbox.workspace.repo,
            test_command=run.tools.context.test_command,
            names=run.tools.registry.names,
            network=run.context.settings.network == "allow",
            hosts=", ".join(run.context.settings.allow_hosts),
            tools=None if native else run.tools.registry.schemas(),
            syntax="" if constrained else dialect.syntax(),
        )
        tools = run.tools.registry.schemas() if native else []
        issue = _opening(run, self._notes, estimate_tokens(system + as_json([], tools)))
        summary = run.session.transcript.summary if carry else ""
        steps = run.session.transcript.steps if carry else []
        carried = as_text(steps, json_call if constrained else dialect.write)
        if carried and carried[-1]["role"] == "assistant":  # else it would be taken for the beginning of the reply
            carried.append({"role": "user", "content": render("nudge_no_tool_call", names=run.tools.registry.names)})
        messages = [{"role": "system", "content": system}, {"role": "user", "content": issue + summary}, *carried]
        run.session.emit(PromptBegan(mode=mode, messages=messages, reason=reason, summary=summary))
        self._prompt.cache.reset()
        run.model.meter.reset()
        if counted := await run.model.backend.server.count(messages, tools):
            run.model.meter.record_usage(counted, 0)
        else:
            run.model.meter.add(as_json(messages, tools))

    async def _ask(self) -> ModelReplied:
        """The model's next reply, its calls found wherever they stand, journalled."""
        run, policy = self._run, self._prompt.policy
        schemas = run.tools.registry.schemas()
        request = Request(
            messages=list(run.session.transcript.messages),  # the transcript goes on growing
            max_tokens=run.model.reply_tokens(),
            tools=schemas if policy.mode == "native" else [],
            json_schema=call_schema(schemas) if policy.mode == "constrained" else None,
            begun=DIALECTS[run.model.backend.profile.dialect].opening if policy.mode == "begun" else "",
            sampling=run.model.backend.sampling,
            slot="own",
        )
        display = StreamDisplay(run, request.begun)
        try:
            reply = await run.model.ask(request, display.text, display.again)
        except ReplyUnparsable as error:
            # the server can't read its model's calls: take the text as it is and read it here
            display.again(f"{error}; asking for the text as it is")
            request = replace(request, tools=[])
            reply = await run.model.ask(request, display.text, display.again)
        except BackendRefused as error:
            if error.status not in UNSUPPORTED_STATUSES or not policy.refused():
                raise
            await self._begin(f"the server refused: {error.message}")
            return await self._ask()
        display.end()
        event = read_reply(reply, run, policy)
        run.session.emit(event)
        self._watch_cache(request, reply)
        usage, meter = reply.usage, run.model.meter
        meter.record_usage(usage.prompt_tokens, usage.completion_tokens, thoughts=bool(reply.reasoning))
        if not usage.prompt_tokens:
            meter.add(reply.content + "".join(call.arguments for call in event.tool_calls))
        return event

    def _watch_cache(self, request: Request, reply: Reply) -> None:
        """Warn where the server read again what it had read; a slot that does not keep it is let go."""
        server = self._run.model.backend.server
        # other servers tell of cached tokens only where they were started so
        always = server.can.reports_cached and reply.timings is not None
        miss = self._prompt.cache.check(request, reply.usage, reports=always)
        if miss is None:
            return
        let_go = miss.same_bytes and server.release_slot()
        self._run.context.warn(miss.message + ("; from now on the server chooses its slot" if let_go else ""))


def _budget_end(run: Run) -> Ended | None:
    """The end, where a budget is used up."""
    reason = run.context.exhausted_budget()
    return Ended(status="budget", reason=reason) if reason else None


def _opening(run: Run, notes: str, fixed: int) -> str:
    """The first message: issue, files, instructions and the tests' state, cut to what the window has room for."""
    files = [entry.path.encode("utf-8", "replace").decode() for entry in run.context.repository.entries()]
    given = {
        "files": files[:_LISTED_FILES] if run.model.budget.window > _LISTING_WINDOW else [],
        "count": len(files),
        "baseline": describe(run.context.baseline.ran) if run.context.baseline.ran else "",
        "notes": truncate(notes, run.model.budget.observation) if notes else "",
    }
    fixed += estimate_tokens(render("agent_issue", issue="", instructions="", **given))
    room = run.model.budget.opening_room(fixed)
    instructions = truncate(run.context.instructions, min(room // 4, run.model.budget.observation))
    issue = truncate(run.context.issue.text, room - estimate_tokens(instructions))
    return render("agent_issue", issue=issue, instructions=instructions, **given)


def read_reply(reply: Reply, run: Run, policy: ToolCallPolicy) -> ModelReplied:
    """The event for a reply: native calls with their arguments made storable, else those in its text."""
    event = run.model.reply_event(reply, "step")
    calls = list(reply.calls)
    most = 1 if run.model.backend.profile.one_call else None
    cut = reply.finish_reason in {"length", "repetition"}
    if cut and calls and not is_json(calls[-1].arguments):
        calls = calls[:-1]  # cut off in the middle: what is left of it must not be run
    if calls:
        stored = [call.model_copy(update={"arguments": arguments_json(call.arguments)}) for call in calls[:most]]
        return event.model_copy(update={"tool_calls": stored, "parsed": "native"})
    found = parse_text(reply.content, run.tools.registry.parameters()) if not cut else None
    if found is None or not found.calls:
        return event
    parsed = "constrained" if policy.mode == "constrained" else found.dialect
    content = found.content if policy.mode == "native" else reply.content
    return event.model_copy(update={"content": content, "tool_calls": list(found.calls[:most]), "parsed": parsed})
