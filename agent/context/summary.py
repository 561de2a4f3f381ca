"""The summary that takes the place of steps: what it holds, read from a reply, made by the program, written.

The contract: goal, constraints, done, in progress, decisions, facts, and one next step. Whatever a model makes of it,
files, tests and plan are the program's own account.
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
"""The contract's parts by the names of their fields, in their order."""
_LEAST_PARTS = 3
_LONGEST = 2  # times what was asked for; a longer one is no summary
_NEXT_STEP = 600  # characters
_SHARES = {"goal": 0.1, "constraints": 0.12, "done": 0.22, "in_progress": 0.1, "decisions": 0.12, "facts": 0.24,
           "next_step": 0.1}  # fmt: skip
_FOREIGN = (
    "files read",
    "files changed",
    "the plan",
    "the last tests",
    "last tests",
    "plan",
)  # the program's own parts
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
    rf"(?P<name>{'|'.join(map(re.escape, sorted([*_NAMES, *_FOREIGN], key=len, reverse=True)))})"
    r"\s*(?:\*\*|__)?\s*(?::\s*(?:\*\*|__)?\s*(?P<rest>.*)|)$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_NOTHING = re.compile(r"^\W*(?:none|nothing|n/?a|empty|-)?\W*$", re.IGNORECASE)
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)|\A.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A\s*```\w*\n(?P<inside>.*?)\n?```\s*\Z", re.DOTALL)
_OWN_MARK = re.compile(r"</?summary>", re.IGNORECASE)


class InvalidSummary(ValueError):
    """A reply that is not the summary that was asked for; its text says in what way."""


@dataclass(frozen=True)
class CompactionSummary:
    """The contract's parts, each as text: one item a line, where there are several."""

    goal: str = ""
    constraints: str = ""
    done: str = ""
    in_progress: str = ""
    decisions: str = ""
    facts: str = ""
    next_step: str = ""

    def within(self, tokens: int) -> CompactionSummary:
        """The same in about so many tokens: each part within its share, and what others leave of theirs."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        spare = tokens - sum(estimate_tokens(text) for text in parts.values())
        if spare >= 0:
            return self
        left = sum(max(int(_SHARES[name] * tokens) - estimate_tokens(text), 0) for name, text in parts.items())
        over = {name: estimate_tokens(text) - int(_SHARES[name] * tokens) for name, text in parts.items()}
        too_much = sum(each for each in over.values() if each > 0)
        shorter = {}
        for name, text in parts.items():
            more = int(left * over[name] / too_much) if over[name] > 0 else 0
            shorter[name] = truncate(text, int(_SHARES[name] * tokens) + more)
        return replace(self, **shorter)


def parse_summary(text: str, tokens: int) -> CompactionSummary:
    """The summary in a reply, its parts under their headings or in a JSON object. Raises `InvalidSummary`.

    `tokens` is what was asked for.
    """
    text = _THOUGHTS.sub("", text)
    if fenced := _FENCE.match(text):
        text = fenced["inside"]
    text = _OWN_MARK.sub("", text).strip()
    if not text:
        raise InvalidSummary("it is empty")
    if estimate_tokens(text) > _LONGEST * tokens:
        raise InvalidSummary(f"it has about {estimate_tokens(text)} tokens, {tokens} were asked for")
    parts = (_from_json(text) if text.startswith("{") else None) or _from_headings(text)
    if len(parts) < _LEAST_PARTS:
        raise InvalidSummary("it has not the form that was asked for")
    found = CompactionSummary(**{name: _clean(given) for name, given in parts.items()})
    found = replace(found, next_step=_first(found.next_step))
    if not found.next_step:
        raise InvalidSummary("it names no next step")
    if not (found.done or found.in_progress or found.decisions or found.facts):
        raise InvalidSummary("it tells nothing of the steps")
    return found


def previous_summary(text: str) -> CompactionSummary | None:
    """The summary that a prompt holds already, by what `render_summary` wrote; None for no text."""
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
    """Without lines that say that there is nothing."""
    return "\n".join(line for line in text.splitlines() if not _NOTHING.match(_ITEM.sub("", line))).strip()


def _first(text: str) -> str:
    """The first of several steps: there is to be one."""
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
    return " ".join(kept)[:_NEXT_STEP]


def summary_from_activity(activity: Activity, before: CompactionSummary | None) -> CompactionSummary:
    """A summary without a model: what the last one says that stays true, and what was done since."""
    before = before or CompactionSummary()
    known = [line for line in before.done.splitlines() if not line.startswith("[...")]
    deeds = [f"- {deed}" for deed in activity.actions]
    active = next((line[3:].strip() for line in activity.plan.splitlines() if line.startswith("[>]")), "")
    said = " ".join(activity.last_message.split())[:_NEXT_STEP]
    return replace(
        before,
        goal=before.goal or "Fix the issue above.",
        done="\n".join([*known, *(deed for deed in deeds if deed not in known)]),
        in_progress=f"Said last: {said}" if said else before.in_progress,
        next_step=active or "Look at the state of the changed files, then go on from what was done last.",
    )


def render_summary(summary: CompactionSummary, activity: Activity, tokens: int) -> str:
    """The text that ends the issue's message: a summary in about `tokens`, the program's account in half as many."""
    own = tokens // 2
    shorter = summary.within(tokens)
    parts = [(HEADINGS[each.name], getattr(shorter, each.name)) for each in fields(shorter)]
    return "\n\n" + render(
        "summary_kept",
        parts=[(title, _OWN_MARK.sub("", text)) for title, text in parts if text],
        changed=_listed(activity.files_changed, own // 4),
        read=_listed(activity.files_read, own // 4),
        plan=truncate(activity.plan, own // 2),
        tests=truncate(activity.last_tests, own // 2),
    )


def _listed(paths: list[str], tokens: int) -> str:
    """Paths, those used last first, as many as there is room for."""
    shown: list[str] = []
    for path in reversed(paths):
        if estimate_tokens(", ".join([*shown, path])) > max(tokens, 20):
            return ", ".join(shown) + f" and {len(paths) - len(shown)} others"
        shown.append(path)
    return ", ".join(shown)


def summary_schema() -> dict[str, Any]:
    """The JSON schema of a summary, for models whose replies are held to one."""
    items = {"type": "array", "items": {"type": "string"}}
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {name: text if name in {"goal", "next_step"} else items for name in HEADINGS},
        "required": list(HEADINGS),
        "additionalProperties": False,
    }
