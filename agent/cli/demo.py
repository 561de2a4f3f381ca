"""`swe-agent demo`: the main job on a bundled example, with the bundled runtime."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, bubblewrap, or local (no isolation).")] = None,
    model: Annotated[str | None, typer.Option(help="A model of the catalogue. [default: qwen2.5-coder-1.5b]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed for sampling.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on standard output.")] = False,
) -> None:
    """Watch a small model on this machine fix a bug in a bundled example and prove it. Needs no flags.

    Example:  swe-agent demo
    """
    from agent.ui.demo import run_demo

    raise typer.Exit(run_demo({"sandbox": sandbox, "model": model, "seed": seed}, json_lines=json))
