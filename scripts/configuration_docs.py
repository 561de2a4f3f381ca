#!/usr/bin/env python3
"""Writes docs/configuration.md from the settings' model; with --check it only says whether the page is up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from types import UnionType
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from agent.cli.fix import fix
from agent.config import ENVIRONMENT_PREFIX, PROJECT_FILE, PROJECT_KEYS, Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
_OPTIONS = frozenset(fix.__annotations__)
_DURATIONS = frozenset({"test_timeout", "time_limit"})
_TYPES = {str: "text", int: "an integer", float: "a number", bool: "true or false", Path: "a path"}

_HEAD = f"""# Settings

<!-- Made by scripts/configuration_docs.py from agent/config.py: change it there. -->

Each setting can be given in four places. The first place that has it counts:

1. an option on the command line, such as `--max-steps 50`;
2. the environment, such as `{ENVIRONMENT_PREFIX}MAX_STEPS=50`; for `base_url` and `api_key` also `OPENAI_BASE_URL` and
   `OPENAI_API_KEY`;
3. the project file: `{PROJECT_FILE}` at the root of the repository, as it is committed. It may make the few settings
   that can't widen what the agent reaches, and lower a budget but not raise it; others are ignored with a warning;
4. the user file: `~/.config/swe-agent/config.toml`, or `$XDG_CONFIG_HOME/swe-agent/config.toml`.

Both files are TOML with the names below as keys, such as `max_steps = 50`. `swe-agent doctor --config` prints the value
of each setting and the place it came from.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(name, field) for name, field in Settings.model_fields.items())


def _section(name: str, field: FieldInfo) -> str:
    places = ["the environment", "the user file"]
    if name in PROJECT_KEYS:
        places.insert(1, "the project file")
    option = name if name in _OPTIONS else name.removesuffix("s")  # one that is repeated names one of many
    if option in _OPTIONS:
        places.insert(0, f"`--{option.replace('_', '-')}`")
    return f"\n## `{name}`\n\n{field.description}\n\n- Value: {_value(name, field)}\n- Set by: {', '.join(places)}\n"


def _value(name: str, field: FieldInfo) -> str:
    if name in _DURATIONS:
        return "seconds, or text such as `90s`, `15m`, `1h30m`"
    annotation = field.annotation
    if get_origin(annotation) is tuple:
        return "a list of text; in the environment with commas between"
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    kind = next(each for each in kinds if each is not type(None))
    if get_origin(kind) is list:
        return "a list of texts; in the environment with commas between them"
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    least = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    if least is not None and most is not None:
        return f"{_TYPES[kind]} from {least} to {most}"
    return f"{_TYPES[kind]}, at least {least}" if least is not None else _TYPES[kind]


def main() -> int:
    """Write or check the page; 1 when it is out of date."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page():
        return 0
    print(f"{PAGE.name} is out of date: run scripts/configuration_docs.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
