"""A run's directory: what is kept, what is still to do, and that no two runs write to it at once.

::

    run.json        what the run was started with
    tasks/<id>/     issue.md, events.jsonl (the session's journal), session.log, patch.diff, scoring.log, result.json
    results.jsonl   the records, in the order the tasks were done
    preds.jsonl     SWE-bench's predictions
    summary.json    the figures

`tasks/<id>/result.json` is what counts: it is written last and whole. The files beside `tasks` are made from those
again when a run begins, and grow by a line a task.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.bench.datasets.tasks import BenchTask
from agent.bench.record import Failure, Record, Summary, summarise
from agent.config import Settings
from agent.errors import JournalWriteFailed, UsageError
from agent.files import open_locked, write_atomically

# Where the model is and what is done with the patch do not change what is measured.
_NOT_MEASURED = {"api_key", "base_url", "output", "patch_file"}


class Identity(BaseModel):
    """What makes two runs the same: the tasks' file and the settings. `served` is the model that answered."""

    model_config = ConfigDict(extra="ignore")

    version: str
    tasks: str
    digest: str
    settings: dict[str, Any]
    served: str = ""


def identity(version: str, tasks: Path, digest: str, settings: Settings) -> Identity:
    """The identity of a run that is about to begin."""
    kept = settings.model_dump(mode="json", exclude=_NOT_MEASURED)
    return Identity(version=version, tasks=str(tasks), digest=digest, settings=kept)


class RunDirectory:
    """A run's directory. Opened for writing it is a context manager that keeps others out."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._lock: int | None = None

    # ------------------------------------------------------------ reading

    @classmethod
    def open(cls, place: Path) -> RunDirectory:
        """The directory of a run there was. Raises `UsageError`."""
        if not (place / "run.json").is_file():
            raise UsageError(f"{place} is not the directory of a benchmark run", hint="`bench run --out` makes one")
        return cls(place)

    def identity(self) -> Identity:
        """What the run was started with. Raises `UsageError` when it can't be read."""
        try:
            return Identity.model_validate_json((self.place / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{self.place / 'run.json'} can't be read: {error}") from error

    def task(self, task: BenchTask) -> Path:
        """The directory of a task."""
        return self.place / "tasks" / task.directory_name

    def record(self, task: BenchTask) -> Record | None:
        """A task's record, if it has one that can be read and is this task's."""
        found = _read(self.task(task) / "result.json")
        return found if found and found.instance_id == task.id else None

    def records(self) -> list[Record]:
        """All records there are, in the order they were made."""
        places = sorted(self.place.glob("tasks/*/result.json"), key=lambda place: (place.stat().st_mtime_ns, place))
        return [found for place in places if (found := _read(place))]

    def patch(self, record: Record) -> str:
        """The patch of a record."""
        return _text(self._of(record) / "patch.diff")

    def scoring_log(self, record: Record) -> str:
        """What scoring ran and printed."""
        return _text(self._of(record) / "scoring.log")

    def _of(self, record: Record) -> Path:
        return self.place / "tasks" / BenchTask(id=record.instance_id, issue="").directory_name

    def summary(self, tasks: int | None = None, failures: Iterable[Failure] = ()) -> Summary:
        """The figures of all records there are."""
        found, known = self.records(), self.identity()
        return summarise(
            max(tasks or 0, len(found)), found, list(failures), version=known.version, settings=known.settings
        )

    # ------------------------------------------------------------ writing

    def __enter__(self) -> Self:
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            self._lock = open_locked(self.place / ".lock")
        except BlockingIOError as error:
            raise UsageError(f"another run is at work in {self.place}") from error
        except OSError as error:
            raise UsageError(f"{self.place} can't be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(self, wanted: Identity) -> None:
        """Make it the directory of this run, or find that it is. Raises `UsageError` when it is another's."""
        if (self.place / "run.json").exists():
            known = self.identity()
            _must_be_same(self.place, known, wanted)
            wanted = wanted.model_copy(update={"served": wanted.served or known.served})
        elif any(each.name != ".lock" for each in self.place.iterdir()):
            raise UsageError(f"{self.place} has files in it that are not a run's", hint="give --out a new directory")
        write_whole(self.place / "run.json", wanted.model_dump_json(indent=2) + "\n")
        records = self.records()
        write_whole(self.place / "results.jsonl", "".join(record.model_dump_json() + "\n" for record in records))
        write_whole(self.place / "preds.jsonl", "".join(self._prediction(record) for record in records))

    def keep(self, record: Record) -> None:
        """Add a record to the files."""
        for name, line in (
            ("results.jsonl", record.model_dump_json() + "\n"),
            ("preds.jsonl", self._prediction(record)),
        ):
            with _writing(self.place / name), (self.place / name).open("a", encoding="utf-8") as file:
                file.write(line)

    def finish(self, tasks: int, failures: Iterable[Failure]) -> Summary:
        """Write the figures down."""
        summary = self.summary(tasks, failures)
        write_whole(self.place / "summary.json", summary.model_dump_json(indent=2) + "\n")
        return summary

    def _prediction(self, record: Record) -> str:
        model = f"swe-agent/{record.model or 'unknown'}"
        row = {"instance_id": record.instance_id, "model_name_or_path": model, "model_patch": self.patch(record)}
        return json.dumps(row) + "\n"


def _must_be_same(place: Path, known: Identity, wanted: Identity) -> None:
    differing = [
        f"{name} was {known.settings.get(name)!r} and is {wanted.settings.get(name)!r}"
        for name in sorted(known.settings.keys() | wanted.settings.keys())
        if known.settings.get(name) != wanted.settings.get(name)
    ]
    if known.digest != wanted.digest:
        differing.append(f"the tasks were those of {known.tasks} and are other ones")
    if known.served and wanted.served and known.served != wanted.served:
        differing.append(f"the server's model was {known.served!r} and is {wanted.served!r}")
    if known.version != wanted.version:
        differing.append(f"the version was {known.version} and is {wanted.version}")
    if differing:
        raise UsageError(
            f"{place} was begun with other settings: {'; '.join(differing)}",
            hint="give another --out, or the same settings to go on",
        )


class _writing:  # noqa: N801 - reads as a statement
    """Turns a failed write into an error that says so."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise JournalWriteFailed(f"{self._place} can't be written: {error.strerror}") from error


def write_whole(place: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all. Raises `JournalWriteFailed`."""
    with _writing(place):
        write_atomically(place, text)


def _read(place: Path) -> Record | None:
    try:
        return Record.model_validate_json(place.read_bytes())
    except (OSError, ValidationError):
        return None


def _text(place: Path) -> str:
    try:
        return place.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
