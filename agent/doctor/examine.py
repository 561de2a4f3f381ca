"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agent.config import Settings
from agent.doctor.configuration import check_configuration
from agent.doctor.machine import check_disk, check_git, check_memory, check_runtime
from agent.doctor.model import check_model
from agent.doctor.report import Check, Report, guarded
from agent.doctor.sandboxes import check_sandboxes


async def examine(flags: Mapping[str, Any], project: str, *, quick: bool, on_progress: Callable[[str], None]) -> Report:
    """The report on all that a session needs. A failure is a line of the report; nothing is raised.

    `flags` are the settings given on the command line (None is not given), `project` is the text of the project's
    `.swe-agent.toml`. With `quick` no request is sent to the model.
    """
    settings, line = check_configuration(flags, project)
    report = Report(secrets=(settings.api_key or "",) if settings else ())
    report.add(line)
    if settings is None:
        report.add(Check("backend", "warn", "not checked: the configuration comes first"))
        settings = Settings.model_validate({})
    else:
        await check_model(report, settings, quick=quick, on_progress=on_progress)
    await check_sandboxes(report, settings, on_progress=on_progress)
    report.add(await guarded("git", check_git))
    report.add(await guarded("disk", check_disk))
    report.add(await guarded("bundled runtime", partial(check_runtime, settings)))
    report.add(await guarded("memory", check_memory))
    return report
