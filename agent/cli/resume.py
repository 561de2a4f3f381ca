"""`swe-agent resume`: continues a session that did not finish."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import options


def resume(  # noqa: PLR0913 - one parameter an option
    session_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The session's id. [default: the latest resumable one]")
    ] = None,
    max_steps: options.MaxSteps = None,
    time_limit: options.TimeLimit = None,
    max_tokens: options.MaxTokens = None,
    context: options.Context = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    output: options.Output = None,
    patch_file: options.PatchFile = None,
    json: options.JsonLines = False,
) -> None:
    """Resume a session that was killed or interrupted, or stopped by a budget or a failure.

    It keeps the settings it was started with, except for those given here. Its prompt is continued, its workspace is as
    the last step left it, and no command runs again unless the model asks for it.

    Exit codes: those of `fix`; 2 also for a session that is finished or that another process works on.

    Example:  swe-agent resume 20260131-142501-k3f9 --max-steps 200
    """
    from agent.ui.resume import run_resume

    settings = {
        "max_steps": max_steps, "time_limit": time_limit, "max_tokens": max_tokens, "context": context,
        "base_url": base_url, "api_key": api_key, "output": output, "patch_file": patch_file,
    }  # fmt: skip
    raise typer.Exit(run_resume(session_id, settings, json_lines=json))
