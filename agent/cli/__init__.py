"""The command line: one file per command, no logic. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from agent import __version__
from agent.cli.bench import bench
from agent.cli.demo import demo
from agent.cli.doctor import doctor
from agent.cli.fix import fix
from agent.cli.models import models
from agent.cli.resume import resume
from agent.cli.sandbox import sandbox
from agent.cli.sessions import sessions
from agent.errors import SweAgentError

__all__ = ["app", "main"]

app = typer.Typer(
    name="swe-agent",
    help="A local-first software engineer: an issue and a repository in, a verified patch out.\n\n"
    "Example:  swe-agent fix --issue issue.md",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"swe-agent {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
    from agent.redaction import know_environment

    know_environment()
    gc.enable()  # off while the program starts (agent/__main__.py)


app.command("fix")(fix)
app.command("resume")(resume)
app.command("demo")(demo)
app.command("doctor")(doctor)
app.add_typer(models, name="models")
app.add_typer(sessions, name="sessions")
app.add_typer(sandbox, name="sandbox")
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command line; a `SweAgentError` is printed on standard error, after its hint, and sets the exit code.

    Any other error is a mistake of ours: its traceback is printed without secrets.
    """
    try:
        app()
    except SweAgentError as error:
        from agent.ui.errors import print_error

        print_error(error)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        import traceback

        from agent.redaction import mask_addresses

        sys.stderr.write(mask_addresses(traceback.format_exc()))
        raise SystemExit(1) from error
