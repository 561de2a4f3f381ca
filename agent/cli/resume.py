"""`swe-agent resume`: a session that was interrupted goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def resume(  # noqa: PLR0913 - one parameter an option
    session_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The session's id. [default: the last one that can go on]")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="Most replies of the model, of the session as a whole.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="Like 90s, 15m, 1h30m, of the session as a whole.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens generated, of the session as a whole.")] = None,
    context: Annotated[int | None, typer.Option(help="Context window to ask for, in tokens.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The model server, where it has moved.")] = None,
    api_key: Annotated[str | None, typer.Option(help="Its key; it is not kept with the session.")] = None,
    output: Annotated[str | None, typer.Option(help="patch, apply (to the work tree) or branch.")] = None,
    patch_file: Annotated[Path | None, typer.Option(help="Where the patch goes. [default: as it was]")] = None,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on standard output.")] = False,
) -> None:
    """Go on with a session that was killed, interrupted, or stopped by a budget or a failure.

    Its settings are those it was started with; those given here take their place. The prompt goes on as it was, the
    workspace is as the last step left it, and no command is run again without the model asking for it.

    Exit codes: as those of `fix`; 2 too for a session that is finished or that another process works on.

    Example:  swe-agent resume 20260131-142501-k3f9 --max-steps 200
    """
    from agent.ui.resume import run_resume

    flags = {
        "max_steps": max_steps, "time_limit": time_limit, "max_tokens": max_tokens, "context": context,
        "base_url": base_url, "api_key": api_key, "output": output, "patch_file": patch_file,
    }  # fmt: skip
    raise typer.Exit(run_resume(session_id, flags, json_lines=json))
