"""The settings: their values, where each came from, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.config import Settings, load_settings
from agent.doctor.report import Check
from agent.errors import RepositoryUnreadable, UsageError
from agent.repo.host import HostRepository
from agent.user_directories import user_file
from sandbox.network.allowed import AllowedHosts

MASK = "********"


def project_text(directory: Path) -> str:
    """The text of the `.swe-agent.toml` that a session in `directory` would read; empty when there is none."""
    try:
        repository = HostRepository.open(directory)
    except RepositoryUnreadable:
        return ""
    return (repository.read_file(".swe-agent.toml") or b"").decode("utf-8", "replace")


def check_configuration(flags: Mapping[str, Any], project: str) -> tuple[Settings | None, Check]:
    """The settings, None when they are not valid, and the check of them."""
    try:
        settings, origins, warnings = load_settings(flags, project)
        AllowedHosts.of(settings.allow_hosts)
    except UsageError as error:
        remedy = error.hint or "correct it in the place that the line names"
        return None, Check("configuration", "fail", error.message, remedy, exit_code=2)
    path = user_file()
    value = str(path) if path.is_file() else f"no user file (it would be {path})"
    given = [f"{name} ({_short(origin)})" for name, origin in origins.items() if origin != "default"]
    value += f"; set: {', '.join(given)}" if given else "; all defaults"
    if warnings:
        return settings, Check("configuration", "warn", "; ".join([value, *warnings]), "remove it from .swe-agent.toml")
    return settings, Check("configuration", "ok", value, figures={"origins": origins})


def values(settings: Settings, origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Each setting's value and origin, the key masked."""
    given = settings.model_dump(mode="json")
    if given["api_key"]:
        given["api_key"] = MASK
    return {name: {"value": value, "origin": origins[name]} for name, value in given.items()}


def descriptions() -> dict[str, str]:
    """What each setting does, by its name."""
    return {name: field.description or "" for name, field in Settings.model_fields.items()}


def _short(origin: str) -> str:
    return origin.partition(" (")[0]
