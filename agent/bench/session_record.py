"""What a benchmark needs to know of a session, read from its JSON lines, which may end anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from agent.model.types import Usage
from agent.session.events import EVENT, BackendFound, Event, ModelReplied, Result, SandboxStarted, SetupRan

_MAX_LINE_BYTES = 32 << 20
_ERROR_CHARACTERS = 300
# Only these events are parsed; what the model read and wrote stays on disk.
_PREFIXES = tuple(
    f'{{"kind":"{kind}"'.encode()
    for kind in ("backend_found", "sandbox_started", "setup_ran", "model_replied", "result")
)


@dataclass(frozen=True)
class SessionRecord:
    """A session's result, where it came to one, and the facts that led there.

    `setup` is the command that set the environment up, `setup_error` its exit code and output where it failed.
    `process_error` says how the session's process ended where that was not with a result; `timed_out` whether it was
    ended from outside. `seconds` is the process's time, 0 while unknown.
    """

    result: Result | None = None
    model: str = ""
    sandbox_started: bool = False
    setup: str = ""
    setup_error: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    process_error: str = ""
    timed_out: bool = False

    def with_exit(self, code: int | None, seconds: float, *, timeout: float | None) -> SessionRecord:
        """This record, with how the process ended: its exit code (negative: a signal), after how many seconds.

        `timeout` is the limit in seconds for which the process was ended from outside, None where it wasn't.
        """
        if timeout is not None:
            error = f"it did not end by itself within {timeout:.0f} s"
            return replace(self, process_error=error, timed_out=True, seconds=seconds)
        if self.result is None:
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
            error = f"the session's process {how} without a result; see session.log"
            return replace(self, process_error=error, seconds=seconds)
        return replace(self, seconds=seconds)


def read_session_record(path: Path) -> SessionRecord:
    """The record of the session whose events are in a file; an empty one where there is no file."""
    record = SessionRecord()
    for event in _events(path):
        match event:
            case BackendFound():
                record = replace(record, model=event.model)
            case SandboxStarted():
                record = replace(record, sandbox_started=True)
            case SetupRan():
                record = replace(record, setup=event.command, setup_error=_setup_error(event))
            case ModelReplied():
                record = replace(record, usage=record.usage + event.usage)
            case Result():
                record = replace(record, result=event)
            case _:
                pass
    return record


def _setup_error(event: SetupRan) -> str:
    if not event.exit_code:
        return ""
    return f"exit code {event.exit_code}: {event.output.strip()[-_ERROR_CHARACTERS:]}"


def _events(path: Path) -> Iterator[Event]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE_BYTES):
                if line.startswith(_PREFIXES) and line.endswith(b"\n"):
                    try:
                        yield EVENT.validate_json(line)
                    except ValidationError:
                        continue  # cut off, or of another version
    except FileNotFoundError:
        return
