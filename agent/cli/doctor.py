"""`swe-agent doctor`: checks what works on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import options


def doctor(
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    context: options.Context = None,
    sandbox: options.SandboxKind = None,
    config: Annotated[
        bool, typer.Option("--config", help="Print each setting with its origin and description instead.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only ask the server, not the model.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check model server, context window, tool calling, sandbox, git and disk, and print how to fix each.

    Takes a minute or two on a small machine: it sends requests to the model and starts a sandbox.

    Exit codes: 0 all that is needed works; else that of the first check that fails: 2 configuration, 3 model server,
    4 sandbox, 1 anything else.

    Example:  swe-agent doctor --base-url http://127.0.0.1:8080/v1
    """
    from agent.ui.doctor import print_config, run_doctor

    settings = {"model": model, "base_url": base_url, "api_key": api_key, "context": context, "sandbox": sandbox}
    if config:
        raise typer.Exit(print_config(settings, as_json=json))
    raise typer.Exit(run_doctor(settings, quick=quick, as_json=json))
