"""The templates of what the model reads, one `.j2` file each, and nothing else.

`agent_*` begin an agent's prompt, `nudge_*` answer what goes wrong, `call_*` are observations of calls that were cut
off, `request_summary` and `compaction_summary` belong to compaction, `compare_changes` and `review_submit` to choosing
and submitting a change, `handoff_notes` to a change of strategy, `guided_*` to the guided strategy.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("prompts", "."),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def render(name: str, /, **values: Any) -> str:
    """The text of the template `name` (without `.j2`). Raises `jinja2.UndefinedError` for a value that is missing."""
    return _environment().get_template(f"{name}.j2").render(**values).strip()
