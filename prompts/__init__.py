"""The templates the model reads, and nothing else. Rendering is strict: a missing name is an error."""

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
    """The text of template `name` (without `.j2`); raises `jinja2.UndefinedError` for a name not given."""
    return _environment().get_template(f"{name}.j2").render(**values).strip()
