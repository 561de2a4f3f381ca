"""`shell`: a command in the session's persistent bash."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from agent.text import printable, truncate
from sandbox.protocol import ExecResult
from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.hints import missing_hint, terminal_hint

CAPTURE_BYTES = 256 << 10
"""Of a command's output that are read back; the whole output is in a file of the sandbox."""
_LIMITS = {
    "memory": "out of memory: the sandbox has no more",
    "processes": "too many processes: the sandbox allows no more at a time",
    "disk": "no space left on the disk of the workspace",
}


class ShellArguments(Arguments):
    """Arguments of `shell`."""

    command: str = Field(description="bash command; starts in the repository root, no terminal, no input")
    timeout_seconds: float | None = Field(None, description="limit, default 120", gt=0, le=3600)


class Shell:
    """Runs a command."""

    name: ClassVar[str] = "shell"
    description: ClassVar[str] = (
        "Run a bash command. Directory and variables last between calls. No terminal, no standard input, no network."
    )
    arguments: ClassVar[type[Arguments]] = ShellArguments
    reads_only: ClassVar[bool] = False

    async def run(self, context: ToolContext, arguments: ShellArguments) -> Observation:
        """What the command printed, then how it ended."""
        if not arguments.command.strip():
            raise ToolError("the command is empty")
        limit = arguments.timeout_seconds or context.command_seconds
        result = await context.sandbox.exec(arguments.command, timeout=limit, persistent=True, capture=CAPTURE_BYTES)
        seen = command_observation(result, context.observation_tokens, limit, arguments.command)
        hint = "" if result.ok and "|" not in arguments.command else await missing_hint(context, result.output.text())
        return replace(seen, text=f"{seen.text}\n[{hint}]") if hint else seen


def describe_ending(result: ExecResult, limit: float | None) -> str:
    """How a command ended, in words."""
    if result.limit:
        return f"exit code {result.exit_code}: {_LIMITS[result.limit]}"
    if result.ended == "timeout":
        return f"killed: it ran longer than {limit:g} s" if limit else "killed"
    words = f"exit code {result.exit_code}"
    if result.exit_code == 137:
        words += ", killed by SIGKILL: probably out of memory"
    elif result.exit_code > 128:
        words += f", ended by signal {result.exit_code - 128}"
    elif result.exit_code == 127:
        words += ", command not found"
    if result.background:
        words += f"; {result.background} process(es) of it still run in the background"
    return words


def command_observation(result: ExecResult, tokens: int, limit: float | None, command: str = "") -> Observation:
    """The observation of a command within `tokens`, with a hint if it needed a terminal or input.

    `limit` is its time limit in seconds.
    """
    output = result.output
    text = printable(output.text()).strip("\n")
    shown = truncate(text, tokens, more=f"the whole output is in {result.saved}" if result.saved else "")
    if output.dropped and result.saved and result.saved not in shown:
        shown += f"\n[the whole output, {output.total} bytes, is in {result.saved}]"
    body = f"{shown}\n" if shown else ""
    hint = terminal_hint(command, text, result)
    meta = {"exit_code": result.exit_code, "ended": result.ended, "bytes": output.total}
    return Observation(
        f"{body}[{describe_ending(result, limit)}]" + (f"\n[{hint}]" if hint else ""),
        ok=result.ok,
        meta=meta | ({"saved": result.saved} if result.saved else {}),
    )
