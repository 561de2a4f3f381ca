"""Exporting a session for other programs: ATIF, a SWE-agent trajectory, JSON lines; in pieces, and masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from agent.errors import JournalError
from agent.session.directories import JOURNAL
from agent.session.export.atif import atif
from agent.session.export.json_lines import json_lines
from agent.session.export.masking import Mask
from agent.session.export.swe_agent import swe_agent
from agent.session.records import Record, read_records

Format = Literal["atif", "swe-agent", "jsonl"]

_WRITERS: dict[Format, Callable[[Iterable[Record], Mask], Iterator[str]]] = {
    "atif": atif,
    "swe-agent": swe_agent,
    "jsonl": json_lines,
}


def export_session(directory: Path, form: Format) -> Iterator[bytes]:
    """The session in a directory in the format `form`, as UTF-8 in pieces of about a step.

    Credentials and the home directory are masked. Raises `JournalError`s, all before the first piece.
    """
    records = list(read_records(directory / JOURNAL))
    if not records:
        raise JournalError(f"the session {directory.name} has no event yet", hint="start it again with `swe-agent fix`")
    return (piece.encode() for piece in _WRITERS[form](records, Mask(str(Path.home()))))
