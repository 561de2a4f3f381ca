"""Going on where another process stopped: calls it left open, its prompt, its workspace, its changes."""

from __future__ import annotations

import json

from agent.errors import PatchRejected
from agent.model.tool_calling import ToolCallPolicy
from agent.run.best_result import TestedPatch
from agent.run.run import Run
from agent.session.events import Observed
from prompts import render


async def resume_prompt(run: Run, policy: ToolCallPolicy) -> bool:
    """Make the prompt that is there ready for its next reply; False where there is none, or not for this server.

    What was sent stays as it was, byte for byte, so the server may still hold it. How often calls were repeated, steps
    without progress and submits that were looked at are counted anew. Raises `SandboxLost`.
    """
    state, transcript = run.session.state, run.session.transcript
    if not state.prompt.begun:
        return False
    run.tools.context.plan = state.prompt.plan
    _close_calls(run)
    mode = next((mode for mode in policy.modes if mode == transcript.mode), None)
    if mode is None:
        return False
    policy.mode, policy.has_called = mode, state.prompt.has_called
    reply = state.prompt.reply
    if reply is not None and transcript.messages[-1]["role"] == "assistant":
        if reply.finish_reason in {"length", "repetition"}:
            run.model.add_user_message(render("nudge_cut_off", tokens=reply.usage.completion_tokens))
        else:
            run.model.add_user_message(render("nudge_no_tool_call", names=run.tools.registry.names))
    tools = run.tools.registry.schemas() if mode == "native" else []
    run.model.meter.reset()
    if counted := await run.model.backend.server.count(transcript.messages, tools):
        run.model.meter.record_usage(counted, 0)
    elif reply is not None and reply.usage.prompt_tokens:
        run.model.meter.record_usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        last = max(at for at, message in enumerate(transcript.messages) if message["role"] == "assistant")
        for message in transcript.messages[last + 1 :]:
            run.model.meter.add(message["content"])
    else:
        run.model.meter.add(json.dumps(transcript.messages) + json.dumps(tools))
    return True


def _close_calls(run: Run) -> None:
    """Observe the calls that the last reply made and nobody saw the end of: none of them is run again unasked.

    The workspace is as it was before they began.
    """
    state = run.session.state
    begun = list(state.prompt.started_calls)
    events = []
    for call in state.prompt.open_calls:
        interrupted = call.id in begun
        if interrupted:
            begun.remove(call.id)
        text = render("call_interrupted" if interrupted else "call_not_run")
        events.append(Observed(call_id=call.id, name=call.name, ok=False, content=text, meta={"interrupted": True}))
    run.session.emit(*events)


async def restore_workspace(run: Run, tree: str) -> None:
    """Bring a workspace that was made again to a tree, by the change that the host kept; the user is told of it.

    Raises `SandboxError`s.
    """
    if tree in {"", run.workspace.base_tree}:
        run.context.warn("the workspace was not there any more; it was made again")
        return
    lost = "the workspace was not there any more, nor could its last change be put back"
    patch = run.workspace.patches.read(tree)
    if patch is None:
        run.context.warn(f"{lost}: it was not kept")
        return
    try:
        await run.workspace.snapshots.apply(patch)
    except PatchRejected as error:
        run.context.warn(f"{lost}: {error.message}")
        return
    run.context.warn(
        "the workspace was not there any more; it was made again with its last change, without ignored files"
    )


async def preserve_patch(run: Run) -> None:
    """Before a search begins anew: the change there is stays the session's until there is a better one."""
    tree = run.session.state.workspace.tree
    if tree in {"", run.workspace.base_tree}:
        return
    kept = run.workspace.patches.read(tree)
    if patch := await recheck_patch(run, kept or b""):
        run.best.replace_patch(patch)
    await run.workspace.restore(run.workspace.base_tree)


async def recheck_patch(run: Run, patch: str | bytes) -> TestedPatch | None:
    """A change that an earlier process had, held to the rules once more; None for none, or one that breaks them.

    Text is the journal's, of which the host's bytes are taken.
    """
    data = run.workspace.patches.original(patch) if isinstance(patch, str) else patch
    if data is None:
        run.context.warn("an earlier change is lost: the journal's text of it may be masked, and it was not stored")
    if not data:
        return None
    try:
        return TestedPatch(await run.verifier.check(data))
    except PatchRejected as error:
        run.context.warn(str(error))
        return None
