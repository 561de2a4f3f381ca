"""What a session's JSON lines told, also when they break off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from agent.model.types import Usage
from agent.session.events import EVENT, BackendFound, Event, ModelReplied, Result, SandboxStarted, SetupRan

_LINE_BYTES = 32 << 20
# Only these are looked at; what the model read and wrote stays on disk.
_WANTED = tuple(
    f'{{"kind":"{kind}"'.encode()
    for kind in ("backend_found", "sandbox_started", "setup_ran", "model_replied", "result")
)


@dataclass(frozen=True)
class Told:
    """The result, if it came to one, and what led there.

    `setup` is the command that set the environment up, `setup_failed` what it said if it failed. `why` is how the
    process ended, where that was not by itself; `overdue` that it was ended from outside for its time.
    """

    result: Result | None = None
    model: str = ""
    sandbox: bool = False
    setup: str = ""
    setup_failed: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    why: str = ""
    overdue: bool = False

    def ended(self, code: int | None, seconds: float, *, overdue: float | None) -> Told:
        """With how its process ended: `overdue` is the limit in seconds that it was ended for."""
        if overdue is not None:
            why = f"it did not end by itself within {overdue:.0f} s"
            return replace(self, why=why, overdue=True, seconds=seconds)
        if self.result is None:
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
            return replace(self, why=f"the session's process {how} without a result; see session.log", seconds=seconds)
        return replace(self, seconds=seconds)


def read_told(place: Path) -> Told:
    """What the lines of a file told; nothing when there is no file."""
    told = Told()
    for event in _events(place):
        if isinstance(event, BackendFound):
            told = replace(told, model=event.model)
        elif isinstance(event, SandboxStarted):
            told = replace(told, sandbox=True)
        elif isinstance(event, SetupRan):
            failed = f"exit code {event.exit_code}: {event.output.strip()[-300:]}" if event.exit_code else ""
            told = replace(told, setup=event.command, setup_failed=failed)
        elif isinstance(event, ModelReplied):
            told = replace(told, usage=told.usage + event.usage)
        elif isinstance(event, Result):
            told = replace(told, result=event)
    return told


def _events(place: Path) -> Iterator[Event]:
    try:
        with place.open("rb") as file:
            while line := file.readline(_LINE_BYTES):
                if line.startswith(_WANTED) and line.endswith(b"\n"):
                    try:
                        yield EVENT.validate_json(line)
                    except ValidationError:
                        continue  # cut off, or of another version
    except FileNotFoundError:
        return
