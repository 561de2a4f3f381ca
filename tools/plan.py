"""`plan`: the steps the model means to take, with their states, given whole each time."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from tools.base import Arguments, Observation, ToolContext, ToolError

_MARKS = {" ": "[ ]", "": "[ ]", "-": "[ ]", ">": "[>]", "~": "[>]", "x": "[x]"}
_STATES = {
    "pending": "[ ]", "todo": "[ ]", "in_progress": "[>]", "in progress": "[>]", "doing": "[>]", "active": "[>]",
    "done": "[x]", "completed": "[x]", "complete": "[x]",
}  # fmt: skip
_MAX_STEPS = 20
_MAX_CHARACTERS = 200  # of a step


class PlanArguments(Arguments):
    """Arguments of `plan`."""

    steps: str = Field(description="every step, one a line: [ ] pending, [>] in progress (one at most), [x] done")

    @field_validator("steps", mode="before")
    @classmethod
    def _from_list(cls, given: Any) -> Any:
        """Some models give a list of texts, or of objects with the step's text and its state."""
        return "\n".join(_line(each) for each in given) if isinstance(given, list) else given


class Plan:
    """Keeps the plan."""

    name: ClassVar[str] = "plan"
    description: ClassVar[str] = "Note your plan, or its progress: give all steps each time."
    arguments: ClassVar[type[Arguments]] = PlanArguments
    reads_only: ClassVar[bool] = False  # of two plans in one reply the later one counts

    async def run(self, context: ToolContext, arguments: PlanArguments) -> Observation:
        """The plan as it is kept, a step on each line."""
        steps = [_step(line.strip()) for line in arguments.steps.splitlines() if line.strip()]
        if not steps:
            raise ToolError("the plan has no steps")
        if len(steps) > _MAX_STEPS:
            raise ToolError(f"the plan has {len(steps)} steps; give {_MAX_STEPS} at most")
        active = sum(step.startswith("[>]") for step in steps)
        if active > 1:
            raise ToolError(f"{active} steps are in progress; mark one at most with [>]")
        context.plan = "\n".join(steps)
        return Observation(context.plan)


def _line(given: Any) -> str:
    """One step of a list, on one line."""
    if not isinstance(given, dict):
        return " ".join(str(given).split())
    words = {str(key): " ".join(str(value).split()) for key, value in given.items()}
    state = words.pop("status", words.pop("state", "pending"))
    mark = _STATES.get(state.lower().replace("-", "_"), "[ ]")
    return f"{mark} {max(words.values(), key=len, default='')}"


def _step(line: str) -> str:
    """A line of a plan as `[mark] text`, without bullets and numbers; a step without a mark is pending."""
    rest = line.lstrip("-*+ ")
    number, dot, after = rest.partition(" ")
    if dot and number[:-1].isdigit() and number[-1] in ".)":
        rest = after.lstrip()
    mark = "[ ]"
    if rest.startswith("[") and rest.find("]") in {1, 2}:
        inside, _, text = rest[1:].partition("]")
        if inside.lower() in _MARKS:
            mark, rest = _MARKS[inside.lower()], text.strip()
    return f"{mark} {rest[:_MAX_CHARACTERS]}"
