"""Every setting, and where its value came from: flag > environment > project file > user file > default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.errors import UsageError
from agent.user_directories import user_file

ENVIRONMENT_PREFIX = "SWE_AGENT_"
# The project file is part of the repository, so it is data: it may not widen what the agent can reach.
PROJECT_KEYS = frozenset({"test", "setup", "strategy", "attempts", "max_steps", "time_limit", "max_tokens"})
_DURATION = re.compile(r"^\s*(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m)?\s*(?:(\d+(?:\.\d+)?)\s*s?)?\s*$")


def parse_duration(value: str | float) -> float:
    """Seconds from `90`, `90s`, `15m`, `1h30m`; a `ValueError` otherwise."""
    if isinstance(value, (int, float)):
        return float(value)
    match = _DURATION.match(value)
    if not match or not any(match.groups()):
        raise ValueError(f"{value!r} is no duration; write 90s, 15m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


class Settings(BaseModel):
    """What a session is run with. Names are those of the flags, with underscores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = None
    base_url: str | None = None
    api_key: str | None = Field(None, repr=False)
    context: int | None = Field(None, ge=1024)
    sandbox: Literal["auto", "docker", "bubblewrap", "local"] = "auto"
    image: str | None = None
    setup: str | None = None
    test: str | None = None
    test_timeout: float = Field(1800.0, gt=0)
    network: Literal["none", "setup", "allow"] = "setup"
    strategy: Literal["auto", "agent", "guided"] = "auto"
    attempts: int | None = Field(None, ge=1, le=64)
    max_steps: int = Field(100, ge=1)
    time_limit: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, ge=1)
    output: Literal["patch", "apply", "branch"] = "patch"
    patch_file: Path | None = None
    keep_workspace: bool = True  # of a session that can be resumed
    allow_workflows: bool = False
    seed: int | None = None
    temperature: float | None = Field(None, ge=0, le=2)

    @field_validator("time_limit", "test_timeout", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value


def _from_environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in Settings.model_fields:
        value = os.environ.get(ENVIRONMENT_PREFIX + name.upper())
        if value:
            found[name] = value
    for name in ("base_url", "api_key"):
        value = os.environ.get(f"OPENAI_{name.upper()}")
        if value:
            found.setdefault(name, value)
    return found


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{where} is not valid TOML: {error}") from error


def load_settings(flags: Mapping[str, Any], project: str = "") -> tuple[Settings, dict[str, str], list[str]]:
    """The settings, the origin of each by name, and warnings.

    `flags` are the given ones (None is not given); `project` is the text of the project's `.swe-agent.toml`.
    Raises `UsageError`.
    """
    warnings = []
    from_project = _toml(project, ".swe-agent.toml") if project else {}
    for name in sorted(set(from_project) - PROJECT_KEYS):
        warnings.append(f".swe-agent.toml: {name} is not a setting a repository may make; ignored")
        del from_project[name]
    place = user_file()
    try:
        from_user = _toml(place.read_text(encoding="utf-8"), str(place)) if place.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{place} can't be read: {error}") from error
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("flag", {name: value for name, value in flags.items() if value is not None}),
        ("environment", _from_environment()),
        ("project file", from_project),
        (f"user file ({place})", from_user),
    ]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, layer in layers:
        for name, value in layer.items():
            if name not in values:
                values[name] = value
                origins[name] = origin
    try:
        return Settings.model_validate(values), origins, warnings
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "configuration"
        raise UsageError(
            f"{name.replace('_', '-')} ({origins.get(name, 'unknown setting')}): {first['msg']}"
        ) from error
