"""Reads datasets: files with SWE-bench's columns, or HumanEvalPack's (single functions)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.bench.datasets.functions import FunctionRow, function_files, hidden_check
from agent.errors import UsageError
from agent.repo.diffs import read_diff

MAX_FILE_BYTES = 1 << 30
MAX_CHARACTERS = 16 << 20

# $VENV and $REQS in the columns: beside the repository in the sandbox, so that none of it gets into a patch.
_VENV = "$HOME/../venv"
_REQS = "$HOME/../requirements.txt"
_PLACEHOLDERS = re.compile(r"\$(?:(VENV|REQS)\b|\{(VENV|REQS)\})")


@dataclass(frozen=True)
class BenchTask:
    """One bug: its repository, its issue, and the tests that decide whether it is fixed.

    The repository is `repo` (`owner/name`) at `base_commit`, or is made of `files` (path → text). The deciding tests
    are `fail_to_pass` and `pass_to_pass`, run by `test` (and `test_more`) with `test_patch` applied, or `hidden` (path
    → text), a script that must run to its end. `test_timeout` limits each run of them, in seconds. `overhead` is how
    many seconds a session may exceed its time limit (the model's start, the last verification) before it is killed.
    """

    id: str
    issue: str
    repo: str = ""
    base_commit: str = ""
    files: dict[str, str] = field(default_factory=dict)
    setup: str = ""
    test: str = ""
    test_more: str = ""
    test_patch: str = field(default="", repr=False)
    hidden: dict[str, str] = field(default_factory=dict, repr=False)
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    test_timeout: float | None = None
    overhead: float = 3600.0

    @property
    def directory_name(self) -> str:
        """The id, as a directory name."""
        return re.sub(r"[^\w.-]", "-", self.id, flags=re.ASCII).lstrip(".")[:150] or "task"

    @property
    def test_files(self) -> list[str]:
        """The files that `test_patch` changes, under their new and their old names."""
        files = read_diff(self.test_patch.encode("utf-8", "surrogateescape"))
        return list(dict.fromkeys([*(file.path for file in files), *(file.old_path for file in files)]))


@dataclass(frozen=True)
class Dataset:
    """The tasks of a file, in its order, and the SHA-256 of the file."""

    tasks: tuple[BenchTask, ...]
    digest: str


def _test_names(value: Any) -> Any:
    """A list, or the JSON of one."""
    try:
        return json.loads(value) if isinstance(value, str) and value.strip() else value or []
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


TestNames = Annotated[list[str], BeforeValidator(_test_names)]


class RepositoryRow(BaseModel):
    """SWE-bench's columns, and those that describe the environment."""

    model_config = ConfigDict(extra="ignore")

    instance_id: str = Field(min_length=1, max_length=300)
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w-]*/[A-Za-z0-9_][\w.-]*$")
    base_commit: str = Field(pattern=r"^[0-9a-f]{7,64}$")
    problem_statement: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    test_patch: str = Field("", max_length=MAX_CHARACTERS)
    FAIL_TO_PASS: TestNames
    PASS_TO_PASS: TestNames = []
    requirements: list[Annotated[str, Field(pattern=r"^[^\r\n]*$")]] | None = None
    setup_cmd: str | None = None
    test_cmd: str | None = None
    test_cmd_f2p: str | None = None

    def task(self) -> BenchTask:
        """The task of the row."""
        setup = _expanded(self.setup_cmd)
        if setup and self.requirements:
            setup = "\n".join([f"cat >\"{_REQS}\" <<'PINS'", *self.requirements, "PINS", setup])
        return BenchTask(
            id=self.instance_id,
            issue=self.problem_statement,
            repo=self.repo,
            base_commit=self.base_commit,
            setup=setup,
            test=_expanded(self.test_cmd),
            test_more=_expanded(self.test_cmd_f2p),
            test_patch=self.test_patch,
            fail_to_pass=tuple(self.FAIL_TO_PASS),
            pass_to_pass=tuple(self.PASS_TO_PASS),
        )


def _expanded(command: str | None) -> str:
    """The command with the placeholders replaced."""
    paths = {"VENV": _VENV, "REQS": _REQS}
    return _PLACEHOLDERS.sub(lambda found: paths[found[1] or found[2]], command or "").strip()


def _function_task(row: FunctionRow) -> BenchTask:
    name = row.entry_point
    return BenchTask(
        id=row.task_id,
        issue=(
            f"# {name} gives wrong results\n\n"
            f"`{name}` in `{name}.py` does not do what its documentation says. `test_{name}.py` shows it.\n"
        ),
        files=function_files(row),
        hidden=hidden_check(row),
        test_timeout=30.0,  # a buggy function may loop for ever
        overhead=600.0,
    )


def load_tasks(path: Path) -> Dataset:
    """The tasks of a JSON or JSON lines file. Raises `UsageError` with the row that is wrong."""
    if path.suffix == ".parquet":
        raise UsageError(
            f"{path} is a parquet file, which is not read",
            hint="export it as JSON lines, one row a line, and give that",
        )
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the tasks {path} can't be read: {error.strerror}") from error
    tasks = tuple(_task(number, row) for number, row in enumerate(_rows(path, data), start=1))
    if not tasks:
        raise UsageError(f"{path} has no tasks")
    seen: dict[str, str] = {}
    for task in tasks:
        if other := seen.get(task.directory_name.lower()):
            raise UsageError(f"{path} has two tasks that can't be told apart: {other!r} and {task.id!r}")
        seen[task.directory_name.lower()] = task.id
    return Dataset(tasks, hashlib.sha256(data).hexdigest())


def _rows(path: Path, data: bytes) -> Iterator[Any]:
    try:
        text = data.decode("utf-8")
        if text.lstrip().startswith("["):
            yield from json.loads(text)
            return
        for line in text.split("\n"):  # not splitlines: a string may hold other ends of lines
            if line.strip():
                yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is neither JSON nor JSON lines: {error}") from error


def _task(number: int, row: Any) -> BenchTask:
    columns = row if isinstance(row, dict) else {}
    try:
        if "instance_id" in columns:
            return RepositoryRow.model_validate(columns).task()
        if "entry_point" in columns:
            return _function_task(FunctionRow.model_validate(columns))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "row"
        raise UsageError(f"task {number}: {where}: {first['msg']}") from error
    raise UsageError(
        f"task {number} has neither SWE-bench's columns (instance_id, …) nor HumanEvalPack's (task_id, entry_point, …)"
    )


def select(tasks: tuple[BenchTask, ...], pattern: str | None, limit: int | None) -> list[BenchTask]:
    """The first `limit` tasks whose id matches `pattern`, a regular expression. Raises `UsageError` for none."""
    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise UsageError(f"--filter: {pattern!r} is not a regular expression: {error}") from error
    found = [task for task in tasks if wanted.search(task.id)][:limit]
    if not found:
        raise UsageError(f"no task's id matches {pattern!r}")
    return found
