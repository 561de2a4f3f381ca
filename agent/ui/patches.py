"""A patch on standard output: byte for byte into a pipe or file, as visible characters on a terminal."""

from __future__ import annotations

import os
import sys

from agent.text import visible


def print_patch(patch: bytes) -> None:
    """Print a patch; on a terminal in colours, with what would act on the terminal shown instead. Raises `OSError`."""
    if not sys.stdout.isatty():
        try:
            sys.stdout.buffer.write(patch)
            sys.stdout.buffer.flush()
        except OSError:
            # what is buffered still would be written at the exit, and change the exit code when that fails, too
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            raise
        return
    from rich.console import Console

    console = Console(soft_wrap=True)
    for line in patch.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n"):
        console.out(visible(line), style=_style(line), highlight=False)


def _style(line: str) -> str | None:
    if line.startswith(("diff ", "index ", "--- ", "+++ ", "new file", "deleted file")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
