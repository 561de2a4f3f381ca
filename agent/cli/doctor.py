"""`swe-agent doctor`: what works here and what does not."""

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
    config: Annotated[bool, typer.Option("--config", help="Print each setting and its origin instead.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Ask the model nothing: only what its server tells.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check backend, context window, tool calling, sandbox, git and disk, and say how to mend each.

    Takes a minute or two on a small machine: the model is really asked, and a sandbox really started.

    Exit codes: 0 all that is needed works, else that of the first thing that does not: 2 configuration, 3 model
    server, 4 sandbox, 1 anything else.

    Example:  swe-agent doctor --base-url http://127.0.0.1:8080/v1
    """
    from agent.ui.doctor import print_config, run_doctor

    flags = {"model": model, "base_url": base_url, "api_key": api_key, "context": context, "sandbox": sandbox}
    if config:
        raise typer.Exit(print_config(flags, as_json=json))
    raise typer.Exit(run_doctor(flags, quick=quick, as_json=json))
