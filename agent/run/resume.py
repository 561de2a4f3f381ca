"""Going on where another process stopped: calls it left open, its prompt, its workspace, its changes."""

from __future__ import annotations

import json

from agent.errors import PatchRejected
from agent.model.tool_calling import ToolCallPolicy
from agent.run.context import Work
from agent.run.verification import TestedPatch
from agent.session.events import Observed
from prompts import render


async def resume_prompt(work: Work, policy: ToolCallPolicy) -> bool:
    """Make the prompt that is there ready for its next reply; False where there is none, or not for this server.

    What was sent stays as it was, byte for byte, so the server may still hold it. How often calls were repeated, steps
    without progress and submits that were looked at are counted anew. Raises `SandboxLost`.
    """
    state, transcript = work.session.state, work.session.transcript
    if not state.prompted:
        return False
    work.tools.plan = state.plan
    _close_calls(work)
    mode = next((mode for mode in policy.modes if mode == transcript.mode), None)
    if mode is None:
        return False
    policy.mode, policy.has_called = mode, state.has_called
    reply = state.reply
    if reply is not None and transcript.messages[-1]["role"] == "assistant":
        if reply.finish_reason in {"length", "repetition"}:
            work.tell(render("nudge_cut", tokens=reply.usage.completion_tokens))
        else:
            work.tell(render("nudge_no_call", names=work.registry.names))
    tools = work.registry.schemas() if mode == "native" else []
    work.meter.reset()
    if counted := await work.backend.server.count(transcript.messages, tools):
        work.meter.record_usage(counted, 0)
    elif reply is not None and reply.usage.prompt_tokens:
        work.meter.record_usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        last = max(at for at, message in enumerate(transcript.messages) if message["role"] == "assistant")
        for message in transcript.messages[last + 1 :]:
            work.meter.add(message["content"])
    else:
        work.meter.add(json.dumps(transcript.messages) + json.dumps(tools))
    return True


def _close_calls(work: Work) -> None:
    """Observe the calls that the last reply made and nobody saw the end of: none of them is run again unasked.

    The workspace is as it was before they began.
    """
    state = work.session.state
    begun = list(state.begun_calls)
    told = []
    for call in state.open_calls:
        interrupted = call.id in begun
        if interrupted:
            begun.remove(call.id)
        text = render("call_interrupted" if interrupted else "call_not_run")
        told.append(Observed(call_id=call.id, name=call.name, ok=False, content=text, meta={"interrupted": True}))
    work.session.emit(*told)


async def put_back(work: Work, tree: str) -> None:
    """Bring a workspace that was made again to a tree, by the change that the host kept; the user is told of it.

    Raises `SandboxError`s.
    """
    if tree in {"", work.base_tree}:
        work.warn("the workspace was not there any more; it was made again")
        return
    lost = "the workspace was not there any more, nor could its last change be put back"
    patch = work.changes.read(tree) if work.changes else None
    if patch is None:
        work.warn(f"{lost}: it was not kept")
        return
    try:
        await work.snapshots.apply(patch)
    except PatchRejected as error:
        work.warn(f"{lost}: {error.message}")
        return
    work.warn("the workspace was not there any more; it was made again with its last change, without ignored files")


async def preserve_patch(work: Work) -> None:
    """Before a search begins anew: the change there is stays the session's until there is a better one."""
    tree = work.session.state.tree
    if tree in {"", work.base_tree}:
        return
    kept = work.changes.read(tree) if work.changes else None
    work.chosen = await recheck_patch(work, kept or b"") or work.chosen
    await work.restore(work.base_tree)


async def recheck_patch(work: Work, patch: str | bytes) -> TestedPatch | None:
    """A change that an earlier process had, held to the rules once more; None for none, or one that breaks them."""
    data = patch.encode("utf-8", "replace") if isinstance(patch, str) else patch
    if not data or work.judge is None:
        return None
    try:
        return TestedPatch(await work.judge.check(work, data))
    except PatchRejected as error:
        work.warn(str(error))
        return None
