"""`swe-agent fix`: one issue, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ISSUE = "A GitHub issue's URL, owner/repo#N, a file, or - for standard input."


def fix(  # noqa: PLR0913 - one parameter an option
    issue: Annotated[str, typer.Option("--issue", help=_ISSUE)],
    repo: Annotated[str | None, typer.Option(help="The repository: a directory or a URL. [default: .]")] = None,
    base: Annotated[str, typer.Option(help="The commit to start from.")] = "HEAD",
    model: Annotated[str | None, typer.Option(help="The model's name at the backend, or in the catalogue.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible endpoint, like http://host:port/v1.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="Its key, if it wants one.")] = None,
    context: Annotated[int | None, typer.Option(help="Context window to ask for, in tokens.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, bubblewrap, or local (no isolation).")] = None,
    image: Annotated[str | None, typer.Option(help="Container image.")] = None,
    setup: Annotated[str | None, typer.Option(help="Prepares the environment first; may use the network.")] = None,
    test: Annotated[str | None, typer.Option(help="The test command. [default: detected]")] = None,
    network: Annotated[str | None, typer.Option(help="none, setup (only while setting up), or allow.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="auto, agent (the model decides) or guided (the program).")
    ] = None,
    attempts: Annotated[int | None, typer.Option(help="Candidate fixes to try; the tests choose.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Most replies of the model. [default: 100]")] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="From when the model answers, setup included; like 90s, 15m, 1h30m.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens generated in all.")] = None,
    output: Annotated[str | None, typer.Option(help="patch, apply (to the work tree) or branch.")] = None,
    patch_file: Annotated[Path | None, typer.Option(help="Where the patch goes. [default: standard output]")] = None,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on standard output.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed for sampling.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Temperature for sampling.")] = None,
) -> None:
    """Fix one issue and print the verified patch.

    Exit codes: 0 fixed and verified, 1 a patch that is not verified or none, 2 usage, 3 model server, 4 sandbox,
    5 budget, 6 issue or repository, 130 interrupted.

    Example:  swe-agent fix --issue issue.md --repo . --output branch
    """
    from agent.ui.fix import run_fix

    flags = {
        "model": model, "base_url": base_url, "api_key": api_key, "context": context, "sandbox": sandbox,
        "image": image, "setup": setup, "test": test, "network": network, "strategy": strategy,
        "attempts": attempts, "max_steps": max_steps, "time_limit": time_limit, "max_tokens": max_tokens,
        "output": output, "patch_file": patch_file, "seed": seed, "temperature": temperature,
    }  # fmt: skip
    raise typer.Exit(run_fix(issue, repo, base, flags, json_lines=json))
