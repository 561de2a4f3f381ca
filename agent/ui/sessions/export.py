"""`swe-agent sessions export`: a session in a format that other programs read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.files import open_atomically
from agent.session.directories import find_session
from agent.ui.pipes import exit_on_closed_pipe

if TYPE_CHECKING:
    from agent.session.export import Format


def export(name: str, form: Format, output: Path | None) -> None:
    """Write a session in another format: atomically to a file, or to standard output where `output` is None or `-`.

    Raises `UsageError` for an unknown session or a file that can't be written, `JournalError`s.
    """
    from agent.session.export import export_session

    pieces = export_session(find_session(name), form)
    if output is None or str(output) == "-":
        exit_on_closed_pipe()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with open_atomically(output) as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}") from error
