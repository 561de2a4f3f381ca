"""The directory of a run: what is kept, which tasks are left, and a lock so that no two runs write to it.

::

    run.json        what the run was started with
    tasks/<id>/     issue.md, events.jsonl (the session's journal), session.log, patch.diff, scoring.log, result.json
    results.jsonl   the results, in the order the tasks were finished
    preds.jsonl     SWE-bench's predictions
    summary.json    the figures

`tasks/<id>/result.json` is authoritative: it is written last and atomically. The files beside `tasks` are derived from
those: written anew when a run begins, and extended by a line for each task.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.bench.datasets.tasks import BenchTask
from agent.bench.results import RunSummary, TaskFailure, TaskResult, summarise_run
from agent.config import Settings
from agent.errors import JournalWriteFailed, UsageError
from agent.files import open_locked, write_atomically

# Where the model is served and what is done with the patch do not change what is measured.
_IGNORED_SETTINGS = {"api_key", "base_url", "output", "patch_file"}


class RunIdentity(BaseModel):
    """What has to be equal for a run to continue in a directory.

    `digest` is that of the dataset's file, `served` the name of the model that answered.
    """

    model_config = ConfigDict(extra="ignore")

    version: str
    tasks: str
    digest: str
    settings: dict[str, Any]
    served: str = ""


def run_identity(version: str, tasks: Path, digest: str, settings: Settings) -> RunIdentity:
    """The identity of a run that is about to begin."""
    kept = settings.model_dump(mode="json", exclude=_IGNORED_SETTINGS)
    return RunIdentity(version=version, tasks=str(tasks), digest=digest, settings=kept)


class RunDirectory:
    """The directory of a run. As a context manager it is locked for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    # ------------------------------------------------------------ reading

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The directory of an existing run. Raises `UsageError`."""
        if not (path / "run.json").is_file():
            raise UsageError(f"{path} is not the directory of a benchmark run", hint="`bench run --out` makes one")
        return cls(path)

    def identity(self) -> RunIdentity:
        """What the run was started with. Raises `UsageError` when it can't be read."""
        try:
            return RunIdentity.model_validate_json((self.path / "run.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{self.path / 'run.json'} can't be read: {error}") from error

    def task_directory(self, task: BenchTask) -> Path:
        """The directory of a task."""
        return self.path / "tasks" / task.directory_name

    def result(self, task: BenchTask) -> TaskResult | None:
        """The result of a task; None where there is none that can be read and is this task's."""
        found = _read_result(self.task_directory(task) / "result.json")
        return found if found and found.instance_id == task.id else None

    def results(self) -> list[TaskResult]:
        """All results, in the order the tasks were finished."""
        paths = sorted(self.path.glob("tasks/*/result.json"), key=lambda path: (path.stat().st_mtime_ns, path))
        return [found for path in paths if (found := _read_result(path))]

    def patch(self, result: TaskResult) -> str:
        """The patch of a result; empty where there is none."""
        return _read_text(self._directory_of(result) / "patch.diff")

    def scoring_log(self, result: TaskResult) -> str:
        """What scoring ran and printed; empty where nothing was run."""
        return _read_text(self._directory_of(result) / "scoring.log")

    def _directory_of(self, result: TaskResult) -> Path:
        return self.path / "tasks" / BenchTask(id=result.instance_id, issue="").directory_name

    def summary(self, tasks: int | None = None, failures: Iterable[TaskFailure] = ()) -> RunSummary:
        """The figures of all results; `tasks` is how many tasks the run has, where that is known."""
        found, known = self.results(), self.identity()
        return summarise_run(
            max(tasks or 0, len(found)), found, list(failures), version=known.version, settings=known.settings
        )

    def last_summary(self) -> RunSummary:
        """The figures as of now; the number of tasks and the failures are those the last run wrote down."""
        try:
            written = RunSummary.model_validate_json((self.path / "summary.json").read_bytes())
        except (OSError, ValueError):
            return self.summary()
        return self.summary(written.tasks, written.failures)

    # ------------------------------------------------------------ writing

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = open_locked(self.path / ".lock")
        except BlockingIOError as error:
            raise UsageError(f"another run is at work in {self.path}") from error
        except OSError as error:
            raise UsageError(f"{self.path} can't be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(self, wanted: RunIdentity) -> None:
        """Make it the directory of this run, or check that it is. Raises `UsageError` when it is another's."""
        if (self.path / "run.json").exists():
            known = self.identity()
            _check_same_run(self.path, known, wanted)
            wanted = wanted.model_copy(update={"served": wanted.served or known.served})
        elif any(each.name != ".lock" for each in self.path.iterdir()):
            raise UsageError(f"{self.path} has files in it that are not a run's", hint="give --out a new directory")
        write_file(self.path / "run.json", wanted.model_dump_json(indent=2) + "\n")
        results = self.results()
        write_file(self.path / "results.jsonl", "".join(each.model_dump_json() + "\n" for each in results))
        write_file(self.path / "preds.jsonl", "".join(self._prediction(each) for each in results))

    def append(self, result: TaskResult) -> None:
        """Add a result to `results.jsonl` and `preds.jsonl`. Raises `JournalWriteFailed`."""
        for name, line in (
            ("results.jsonl", result.model_dump_json() + "\n"),
            ("preds.jsonl", self._prediction(result)),
        ):
            with _write_errors(self.path / name), (self.path / name).open("a", encoding="utf-8") as file:
                file.write(line)

    def finish(self, tasks: int, failures: Iterable[TaskFailure]) -> RunSummary:
        """Write `summary.json` and return what it holds. Raises `JournalWriteFailed`."""
        summary = self.summary(tasks, failures)
        write_file(self.path / "summary.json", summary.model_dump_json(indent=2) + "\n")
        return summary

    def _prediction(self, result: TaskResult) -> str:
        model = f"swe-agent/{result.model or 'unknown'}"
        row = {"instance_id": result.instance_id, "model_name_or_path": model, "model_patch": self.patch(result)}
        return json.dumps(row) + "\n"


def _check_same_run(path: Path, known: RunIdentity, wanted: RunIdentity) -> None:
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
            f"{path} was begun with other settings: {'; '.join(differing)}",
            hint="give another --out, or the same settings to continue",
        )


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Raise `JournalWriteFailed` for an `OSError` in the block."""
    try:
        yield
    except OSError as error:
        raise JournalWriteFailed(f"{path} can't be written: {error.strerror}") from error


def write_file(path: Path, text: str) -> None:
    """Write a file atomically. Raises `JournalWriteFailed`."""
    with _write_errors(path):
        write_atomically(path, text)


def _read_result(path: Path) -> TaskResult | None:
    try:
        return TaskResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
