"""`swe-agent fix`: one issue, end to end."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli import options

_ISSUE = "A GitHub issue's URL, owner/repo#N, a file, or - for standard input."


def fix(  # noqa: PLR0913 - one parameter an option
    issue: Annotated[str, typer.Option("--issue", help=_ISSUE)],
    repo: Annotated[
        str | None,
        typer.Option(help="The repository: a directory or a URL. [default: .; for an issue on GitHub, its repository]"),
    ] = None,
    base: Annotated[str, typer.Option(help="The commit to start from.")] = "HEAD",
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    context: options.Context = None,
    sandbox: options.SandboxKind = None,
    image: options.Image = None,
    setup: options.Setup = None,
    test: options.Test = None,
    test_timeout: options.TestTimeout = None,
    network: options.Network = None,
    allow_host: options.AllowHost = None,
    strategy: options.Strategy = None,
    attempts: options.Attempts = None,
    max_steps: options.MaxSteps = None,
    time_limit: options.TimeLimit = None,
    max_tokens: options.MaxTokens = None,
    output: options.Output = None,
    patch_file: options.PatchFile = None,
    keep_workspace: options.KeepWorkspace = None,
    allow_workflows: options.AllowWorkflows = None,
    allow_path: options.AllowPath = None,
    json: options.JsonLines = False,
    seed: options.Seed = None,
    temperature: options.Temperature = None,
) -> None:
    """Fix one issue and print the verified patch.

    Exit codes: 0 fixed and verified, 1 a patch that is not verified or no patch, 2 usage, 3 model server, 4 sandbox,
    5 budget, 6 issue or repository, 130 interrupted.

    Example:  swe-agent fix --issue issue.md --repo . --output branch
    """
    from agent.ui.fix import run_fix

    settings = {
        "model": model, "base_url": base_url, "api_key": api_key, "context": context, "sandbox": sandbox,
        "image": image, "setup": setup, "test": test, "test_timeout": test_timeout, "network": network,
        "allow_hosts": allow_host or None,
        "strategy": strategy, "attempts": attempts, "max_steps": max_steps, "time_limit": time_limit,
        "max_tokens": max_tokens, "output": output, "patch_file": patch_file, "keep_workspace": keep_workspace,
        "allow_workflows": allow_workflows, "allow_path": allow_path or None, "seed": seed, "temperature": temperature,
    }  # fmt: skip
    raise typer.Exit(run_fix(issue, repo, base, settings, json_lines=json))
