"""Every setting, and where its value came from: flag > environment > project file > user file > default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent import setting_descriptions as text
from agent.errors import UsageError
from agent.redaction import know_secret, know_url
from agent.user_directories import user_file

ENVIRONMENT_PREFIX = "SWE_AGENT_"
PROJECT_FILE = ".swe-agent.toml"
PROJECT_KEYS = frozenset({"test", "setup", "strategy", "attempts", "max_steps", "time_limit", "max_tokens"})
"""What a project file may set: it is part of the repository, so it may not widen what the agent reaches."""
BUDGETS = frozenset({"attempts", "max_steps", "time_limit", "max_tokens"})
"""Of these, what a project file may only lower: below the user's value, else the default."""
_DEFAULT_ATTEMPTS = {"guided": 32}
"""By strategy; 1 for any other."""
_DURATION = re.compile(r"^\s*(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m)?\s*(?:(\d+(?:\.\d+)?)\s*s?)?\s*$")


def parse_duration(value: str | float) -> float:
    """Seconds, of a number of them or of text like `90`, `90s`, `15m`, `1h30m`. Raises `ValueError`."""
    if isinstance(value, (int, float)):
        return float(value)
    match = _DURATION.match(value)
    if not match or not any(match.groups()):
        raise ValueError(f"{value!r} is not a duration; write 90s, 15m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


class Settings(BaseModel):
    """The settings of a session. Names are those of the options, with underscores.

    What each means is in `agent.setting_descriptions` under the same name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description=text.MODEL)
    base_url: str | None = Field(None, description=text.BASE_URL)
    api_key: str | None = Field(None, repr=False, description=text.API_KEY)
    context: int | None = Field(None, ge=1024, description=text.CONTEXT)
    sandbox: Literal["auto", "docker", "bubblewrap", "local"] = Field("auto", description=text.SANDBOX)
    image: str | None = Field(None, description=text.IMAGE)
    setup: str | None = Field(None, description=text.SETUP)
    test: str | None = Field(None, description=text.TEST)
    test_timeout: float = Field(1800.0, gt=0, description=text.TEST_TIMEOUT)
    """In seconds once it is parsed, as `time_limit` is."""
    network: Literal["none", "setup", "allow"] = Field("setup", description=text.NETWORK)
    allow_hosts: tuple[str, ...] = Field((), description=text.ALLOW_HOSTS)
    strategy: Literal["auto", "agent", "guided"] = Field("auto", description=text.STRATEGY)
    attempts: int | None = Field(None, ge=1, le=64, description=text.ATTEMPTS)
    max_steps: int = Field(100, ge=1, description=text.MAX_STEPS)
    time_limit: float | None = Field(None, gt=0, description=text.TIME_LIMIT)
    max_tokens: int | None = Field(None, ge=1, description=text.MAX_TOKENS)
    output: Literal["patch", "apply", "branch"] = Field("patch", description=text.OUTPUT)
    patch_file: Path | None = Field(None, description=text.PATCH_FILE)
    keep_workspace: bool = Field(True, description=text.KEEP_WORKSPACE)
    allow_workflows: bool = Field(False, description=text.ALLOW_WORKFLOWS)
    allow_path: list[str] | None = Field(None, description=text.ALLOW_PATH)
    seed: int | None = Field(None, description=text.SEED)
    temperature: float | None = Field(None, ge=0, le=2, description=text.TEMPERATURE)

    @field_validator("allow_path", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        """A list, or text with commas between the patterns, as in the environment."""
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value

    @field_validator("allow_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: Any) -> Any:
        """A list, or text with commas or spaces between the patterns."""
        return re.split(r"[\s,]+", value.strip(" \t\n,")) if isinstance(value, str) else value

    @property
    def allowed_paths(self) -> list[str]:
        """The patterns of protected paths that the patch may change."""
        return [*(self.allow_path or []), *([".github"] if self.allow_workflows else [])]

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


def _parse_toml(content: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def _from_project(content: str) -> tuple[dict[str, Any], list[str]]:
    """What the project file may set, and a warning for each name that it may not."""
    given = _parse_toml(content, PROJECT_FILE)
    allowed = {name: value for name, value in given.items() if name in PROJECT_KEYS}
    return allowed, [
        f"{PROJECT_FILE}: {name} is not a setting a repository may make; ignored"
        for name in sorted(given.keys() - PROJECT_KEYS)
    ]


def _from_user(path: Path) -> dict[str, Any]:
    try:
        return _parse_toml(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error


def load_settings(flags: Mapping[str, Any], project: str = "") -> tuple[Settings, dict[str, str], list[str]]:
    """The settings, the origin of each by name, and warnings.

    `flags` are the given ones (None is not given); `project` is the text of the project's `.swe-agent.toml`.
    Raises `UsageError`.
    """
    from_project, warnings = _from_project(project)
    path = user_file()
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("flag", {name: value for name, value in flags.items() if value is not None}),
        ("environment", _from_environment()),
        ("project file", from_project),
        (f"user file ({path})", _from_user(path)),
    ]
    values, origins = _merged(layers)
    settings = _validated(values, origins)
    if any(origins[name] == "project file" for name in BUDGETS):
        without = _validated(*_merged([layer for layer in layers if layer[1] is not from_project]))
        for name in sorted(_raised(settings, without, origins)):
            limit = getattr(without, name) or _DEFAULT_ATTEMPTS.get(settings.strategy, 1)
            warnings.append(f"{PROJECT_FILE}: {name} is ignored: a repository may only lower it, from {limit}")
            del from_project[name]
        values, origins = _merged(layers)
        settings = _validated(values, origins)
    return settings, origins, warnings


def _merged(layers: list[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of several places, the first one that has it for each, and which that is by name."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, layer in layers:
        for name, value in layer.items():
            if name not in values:
                values[name] = value
                origins[name] = origin
    return values, origins


def _validated(values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "configuration"
        raise UsageError(
            f"{name.replace('_', '-')} ({origins.get(name, 'unknown setting')}): {first['msg']}"
        ) from error
    know_secret(settings.api_key)
    know_url(settings.base_url)
    return settings


def _raised(settings: Settings, without: Settings, origins: Mapping[str, str]) -> set[str]:
    """The budgets that are higher by the project's file than `without` it."""
    raised = set()
    for name in BUDGETS:
        limit = getattr(without, name)
        if name == "attempts" and limit is None:
            limit = _DEFAULT_ATTEMPTS.get(settings.strategy, 1)
        if origins[name] == "project file" and limit is not None and not getattr(settings, name) <= limit:
            raised.add(name)
    return raised
