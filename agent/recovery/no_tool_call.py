"""Answering a reply without a tool call: one that was cut off, a refusal of the task, or prose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.model.tool_calling import ToolCallPolicy
from agent.session.events import ModelReplied
from prompts import render

_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry|unable|not able|not allowed|not permitted)|i can(?:['’]t|not| not)|i won['’]t"
    r"|i will not|i(?: must|['’]ll have to| have to)? decline|i(?:['’]m| am) (?:only )?an? (?:ai|text|language))\b"
    r"[^.!?\n]{0,40}?\b(?:help|assist|compl[yi]|fulfil+|do that|do this|perform|engage|participate|continue"
    r"|provide|this request|your request|that request|the request|tools|execute|directly (?:access|modify|edit))",
    re.IGNORECASE,
)
_MAX_SEARCHED = 300  # characters; a refusal begins with it


def is_refusal(text: str, finish_reason: str = "") -> bool:
    """Whether a reply without a call declines the task, or the server's filter removed it."""
    return finish_reason == "content_filter" or _REFUSAL.search(text.strip()[:_MAX_SEARCHED]) is not None


def nudge_for_missing_call(reply: ModelReplied, policy: ToolCallPolicy, names: Sequence[str]) -> str:
    """The message that answers a reply without a call; empty if the policy has moved to its next mode.

    `names` are the tools'. A reply that was cut off and a refusal say nothing about how calls are asked for, so they
    don't move the policy.
    """
    if reply.finish_reason in {"length", "repetition"}:
        policy.replies_without_call += 1
        return render("nudge_cut_off", tokens=reply.usage.completion_tokens)
    if is_refusal(reply.content, reply.finish_reason):
        policy.replies_without_call += 1
        return render("nudge_refusal", names=names)
    return "" if policy.record_no_call() else render("nudge_no_tool_call", names=names)
