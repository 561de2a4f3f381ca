"""`swe-agent demo`: fixes a bundled example with the bundled runtime."""

from __future__ import annotations

import typer

from agent.cli import options


def demo(
    sandbox: options.SandboxKind = None,
    model: options.Model = None,
    seed: options.Seed = None,
    json: options.JsonLines = False,
) -> None:
    """Watch a small model on this machine fix a bug in a bundled example, and verify the fix. Needs no options.

    Example:  swe-agent demo
    """
    from agent.ui.demo import run_demo

    raise typer.Exit(run_demo({"sandbox": sandbox, "model": model, "seed": seed}, json_lines=json))
