"""The configuration: what is set, where each value came from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.config import Settings, load_settings
from agent.doctor.report import Check
from agent.errors import RepositoryUnreadable, UsageError
from agent.repo.host import HostRepository
from agent.user_directories import user_file

MASK = "********"


def project_text(directory: Path) -> str:
    """The text of the `.swe-agent.toml` that a session in `directory` would heed; empty when there is none."""
    try:
        repository = HostRepository.open(directory)
    except RepositoryUnreadable:
        return ""
    return (repository.read_file(".swe-agent.toml") or b"").decode("utf-8", "replace")


def check_configuration(flags: Mapping[str, Any], project: str) -> tuple[Settings | None, Check]:
    """The settings, None when they can't be read, and the line on them."""
    try:
        settings, origins, warnings = load_settings(flags, project)
    except UsageError as error:
        mend = error.hint or "set it right where it comes from, which is named in the line"
        return None, Check("configuration", "fail", error.message, mend, exit_code=2)
    place = user_file()
    told = str(place) if place.is_file() else f"no user file (it would be {place})"
    given = [f"{name} ({_short(origin)})" for name, origin in origins.items() if origin != "default"]
    told += f"; set: {', '.join(given)}" if given else "; all defaults"
    if warnings:
        return settings, Check("configuration", "warn", "; ".join([told, *warnings]), "take it out of .swe-agent.toml")
    return settings, Check("configuration", "ok", told, figures={"origins": origins})


def values(settings: Settings, origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Each setting's value and origin, the key masked."""
    given = settings.model_dump(mode="json")
    if given["api_key"]:
        given["api_key"] = MASK
    return {name: {"value": value, "origin": origins[name]} for name, value in given.items()}


def _short(origin: str) -> str:
    return origin.partition(" (")[0]
