"""The summary that replaces steps: parsed from a model's reply or made by the program, and rendered into the prompt.

It has seven parts: goal, constraints, done, in progress, decisions, facts, and one next step. Files, tests and plan are
added by the program, whatever the model writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

from agent.model.dialects import loads
from agent.session.activity import Activity
from agent.text import estimate_tokens, truncate
from prompts import render

HEADINGS = {
    "goal": "Goal",
    "constraints": "Constraints",
    "done": "Done",
    "in_progress": "In progress",
    "decisions": "Decisions",
    "facts": "Facts",
    "next_step": "Next step",
}
"""The headings of the parts by the names of their fields, in order."""
_MIN_PARTS = 3
_MAX_LENGTH = 2  # times the tokens asked for; a longer text is not a summary
_MAX_NEXT_STEP = 600  # characters
# Of a summary that is too long, each part is cut to its share, from 0 to 1, and what other parts leave of theirs.
_SHARES = {"goal": 0.1, "constraints": 0.12, "done": 0.22, "in_progress": 0.1, "decisions": 0.12, "facts": 0.24,
           "next_step": 0.1}  # fmt: skip
_PROGRAM_HEADINGS = (
    "files read",
    "files changed",
    "the plan",
    "the last tests",
    "last tests",
    "plan",
)
_NAMES = {
    "goal": "goal", "goals": "goal", "objective": "goal",
    "constraint": "constraints", "constraints": "constraints",
    "done": "done", "completed": "done", "work done": "done",
    "in progress": "in_progress", "in-progress": "in_progress", "in_progress": "in_progress",
    "decision": "decisions", "decisions": "decisions", "key decisions": "decisions",
    "fact": "facts", "facts": "facts", "key facts": "facts", "critical context": "facts",
    "next step": "next_step", "next steps": "next_step", "next_step": "next_step",
}  # fmt: skip
_HEADING = re.compile(
    r"^\s*(?:[-*]\s+(?=\*\*))?[#>\s]*(?:\d+[.)]\s+)?(?:\*\*|__)?\s*"
    rf"(?P<name>{'|'.join(map(re.escape, sorted([*_NAMES, *_PROGRAM_HEADINGS], key=len, reverse=True)))})"
    r"\s*(?:\*\*|__)?\s*(?::\s*(?:\*\*|__)?\s*(?P<rest>.*)|)$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_EMPTY_ITEM = re.compile(r"^\W*(?:none|nothing|n/?a|empty|-)?\W*$", re.IGNORECASE)
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)|\A.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A\s*```\w*\n(?P<inside>.*?)\n?```\s*\Z", re.DOTALL)
_SUMMARY_TAG = re.compile(r"</?summary>", re.IGNORECASE)


class InvalidSummary(ValueError):
    """A reply that is not a summary as asked for; the message says why."""


@dataclass(frozen=True)
class CompactionSummary:
    """The parts of a summary as text; several items are a line each."""

    goal: str = ""
    constraints: str = ""
    done: str = ""
    in_progress: str = ""
    decisions: str = ""
    facts: str = ""
    next_step: str = ""

    def within(self, tokens: int) -> CompactionSummary:
        """The same, cut to about so many tokens: each part to its share and what other parts leave of theirs."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        spare = tokens - sum(estimate_tokens(text) for text in parts.values())
        if spare >= 0:
            return self
        left = sum(max(int(_SHARES[name] * tokens) - estimate_tokens(text), 0) for name, text in parts.items())
        over = {name: estimate_tokens(text) - int(_SHARES[name] * tokens) for name, text in parts.items()}
        excess = sum(each for each in over.values() if each > 0)
        shorter = {}
        for name, text in parts.items():
            more = int(left * over[name] / excess) if over[name] > 0 else 0
            shorter[name] = truncate(text, int(_SHARES[name] * tokens) + more)
        return replace(self, **shorter)


def parse_summary(text: str, tokens: int) -> CompactionSummary:
    """The summary in a reply, with its parts under headings or in a JSON object. Raises `InvalidSummary`.

    `tokens` is the length that was asked for.
    """
    text = _THOUGHTS.sub("", text)
    if fenced := _FENCE.match(text):
        text = fenced["inside"]
    text = _SUMMARY_TAG.sub("", text).strip()
    if not text:
        raise InvalidSummary("it is empty")
    if estimate_tokens(text) > _MAX_LENGTH * tokens:
        raise InvalidSummary(f"it has about {estimate_tokens(text)} tokens, {tokens} were asked for")
    parts = (_from_json(text) if text.startswith("{") else None) or _from_headings(text)
    if len(parts) < _MIN_PARTS:
        raise InvalidSummary("it does not have the form that was asked for")
    found = CompactionSummary(**{name: _clean(given) for name, given in parts.items()})
    found = replace(found, next_step=_first_step(found.next_step))
    if not found.next_step:
        raise InvalidSummary("it names no next step")
    if not (found.done or found.in_progress or found.decisions or found.facts):
        raise InvalidSummary("it says nothing about the steps")
    return found


def previous_summary(text: str) -> CompactionSummary | None:
    """The summary that `render_summary` has written into a prompt; None if the text has none."""
    inside = text.partition("<summary>")[2].rpartition("</summary>")[0]
    return CompactionSummary(**_from_headings(inside)) if inside else None


def _from_headings(text: str) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    under: list[str] = []
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            name = _NAMES.get(heading["name"].lower())
            under = parts.setdefault(name, []) if name else []
            if heading["rest"]:
                under.append(heading["rest"])
        else:
            under.append(line.rstrip())
    return {name: "\n".join(lines).strip() for name, lines in parts.items()}


def _from_json(text: str) -> dict[str, str]:
    given = loads(text)
    if not isinstance(given, dict):
        return {}
    parts = {}
    for key, value in given.items():
        if name := _NAMES.get(str(key).lower().replace("_", " ")):
            parts[name] = _as_text(value)
    return parts


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {' '.join(str(each).split())}" for each in value if str(each).strip())
    return "" if value is None else str(value).strip()


def _clean(text: str) -> str:
    """A part without lines such as `- none`."""
    return "\n".join(line for line in text.splitlines() if not _EMPTY_ITEM.match(_ITEM.sub("", line))).strip()


def _first_step(text: str) -> str:
    """The first of several next steps, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    first = _ITEM.sub("", lines[0])
    kept = [first]
    if not _ITEM.match(lines[0]):  # prose may go on in the next line, a list's next item is another step
        for line in lines[1:]:
            if _ITEM.match(line):
                break
            kept.append(line)
    return " ".join(kept)[:_MAX_NEXT_STEP]


def summary_from_activity(activity: Activity, before: CompactionSummary | None) -> CompactionSummary:
    """A summary made without the model: the last one, if any, with the actions since."""
    before = before or CompactionSummary()
    known = [line for line in before.done.splitlines() if not line.startswith("[...")]
    actions = [f"- {action}" for action in activity.actions]
    active = next((line[3:].strip() for line in activity.plan.splitlines() if line.startswith("[>]")), "")
    message = " ".join(activity.last_message.split())[:_MAX_NEXT_STEP]
    return replace(
        before,
        goal=before.goal or "Fix the issue above.",
        done="\n".join([*known, *(action for action in actions if action not in known)]),
        in_progress=f"Said last: {message}" if message else before.in_progress,
        next_step=active or "Look at the state of the changed files, then go on from what was done last.",
    )


def render_summary(summary: CompactionSummary, activity: Activity, tokens: int) -> str:
    """The text that ends the issue's message: a summary in about `tokens`, the program's part in half as many."""
    program_tokens = tokens // 2
    shorter = summary.within(tokens)
    parts = [(HEADINGS[each.name], getattr(shorter, each.name)) for each in fields(shorter)]
    return "\n\n" + render(
        "compaction_summary",
        parts=[(title, _SUMMARY_TAG.sub("", text)) for title, text in parts if text],
        changed=_list_paths(activity.files_changed, program_tokens // 4),
        read=_list_paths(activity.files_read, program_tokens // 4),
        plan=truncate(activity.plan, program_tokens // 2),
        tests=truncate(activity.last_tests, program_tokens // 2),
    )


def _list_paths(paths: list[str], tokens: int) -> str:
    """Paths, the most recent first, as many as fit into so many tokens."""
    shown: list[str] = []
    for path in reversed(paths):
        if estimate_tokens(", ".join([*shown, path])) > max(tokens, 20):
            return ", ".join(shown) + f" and {len(paths) - len(shown)} others"
        shown.append(path)
    return ", ".join(shown)


def summary_schema() -> dict[str, Any]:
    """The JSON schema of a summary, for replies that the server constrains to one."""
    items = {"type": "array", "items": {"type": "string"}}
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {name: text if name in {"goal", "next_step"} else items for name in HEADINGS},
        "required": list(HEADINGS),
        "additionalProperties": False,
    }
