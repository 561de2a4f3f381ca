"""A run's directory: only the same run continues in it, one at a time; everything is derived from the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.bench.datasets.tasks import BenchTask
from agent.bench.directory import RunDirectory, RunIdentity, run_identity, write_file
from agent.bench.results import RunSummary, TaskFailure, TaskResult
from agent.config import Settings
from agent.errors import JournalWriteFailed, UsageError


def identity(**changes: object) -> RunIdentity:
    made = run_identity("1.0", Path("tasks.jsonl"), "digest", Settings(max_steps=5, base_url="http://one/v1"))
    return made.model_copy(update=changes)


def add_result(directory: RunDirectory, name: str, *, solved: bool = True, patch: str = "") -> TaskResult:
    """A task with its result, as an executor leaves it."""
    result = TaskResult(instance_id=name, status="fixed", solved=solved, exit_code=0, model="m")
    path = directory.task_directory(BenchTask(id=name, issue=""))
    path.mkdir(parents=True)
    (path / "patch.diff").write_text(patch)
    write_file(path / "result.json", result.model_dump_json())
    return result


def test_what_does_not_change_the_measurement_is_not_part_of_the_identity() -> None:
    settings = identity().settings
    assert settings["max_steps"] == 5
    assert not {"base_url", "api_key", "output", "patch_file"} & settings.keys()


def test_the_same_run_continues_and_keeps_the_model_that_answered(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as directory:
        directory.begin(identity())
        directory.begin(identity(served="m"))
        directory.begin(identity())
        assert directory.identity().served == "m"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"digest": "other"}, "the tasks were those of tasks.jsonl and are other ones"),
        ({"served": "n"}, "the server's model was 'm' and is 'n'"),
        ({"version": "2.0"}, "the version was 1.0 and is 2.0"),
        ({"settings": identity().settings | {"max_steps": 6}}, "max_steps was 5 and is 6"),
    ],
)
def test_another_run_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with RunDirectory(tmp_path / "run") as directory:
        directory.begin(identity(served="m"))
        with pytest.raises(UsageError, match="was begun with other settings") as refused:
            directory.begin(identity(**changes))
    assert message in str(refused.value)


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("not a run's")
    with RunDirectory(tmp_path) as directory, pytest.raises(UsageError, match="files in it that are not a run's"):
        directory.begin(identity())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "mine.txt"]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with (
        RunDirectory(tmp_path / "run"),
        pytest.raises(UsageError, match="another run is at work"),
        RunDirectory(tmp_path / "run"),
    ):
        pass
    with RunDirectory(tmp_path / "run"):
        pass


def test_the_lists_are_derived_from_the_results(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as directory:
        directory.begin(identity())
        first = add_result(directory, "a/1", patch="diff 1")
        directory.append(first)
        add_result(directory, "a/2", solved=False, patch="diff 2")  # killed before it was appended
        (directory.path / "preds.jsonl").write_text("torn")
        directory.begin(identity())
        directory.append(add_result(directory, "a/3", patch="diff 3"))
    predictions = [json.loads(line) for line in (tmp_path / "run" / "preds.jsonl").read_text().splitlines()]
    assert [each["instance_id"] for each in predictions] == ["a/1", "a/2", "a/3"]
    assert predictions[1] == {"instance_id": "a/2", "model_name_or_path": "swe-agent/m", "model_patch": "diff 2"}
    results = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["solved"] for line in results] == [True, False, True]


def test_a_result_of_another_task_or_a_torn_one_does_not_count(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    add_result(directory, "a/1")
    assert directory.result(BenchTask(id="a/1", issue="")) is not None
    assert directory.result(BenchTask(id="a-1", issue="")) is None  # the same directory name
    path = directory.task_directory(BenchTask(id="a/1", issue="")) / "result.json"
    path.write_text(path.read_text()[:-5])
    assert directory.result(BenchTask(id="a/1", issue="")) is None
    assert directory.results() == []


def test_the_summary_keeps_what_was_not_run(tmp_path: Path) -> None:
    failure = TaskFailure(instance_id="b", reason="no server", exit_code=3)
    with RunDirectory(tmp_path / "run") as directory:
        directory.begin(identity())
        add_result(directory, "a")
        written = directory.finish(4, [failure])
    assert (written.tasks, written.run, written.solved, written.share) == (4, 1, 1, 1.0)
    read = RunDirectory.open(tmp_path / "run").last_summary()
    assert read == written
    assert read.failures == [failure]
    assert RunSummary.model_validate_json((tmp_path / "run" / "summary.json").read_bytes()) == written
    (tmp_path / "run" / "summary.json").unlink()
    assert RunDirectory.open(tmp_path / "run").last_summary().tasks == 1


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not the directory of a benchmark run"):
        RunDirectory.open(tmp_path)


def test_a_file_that_cannot_be_written_is_an_error_of_the_record(tmp_path: Path) -> None:
    (tmp_path / "result.json").mkdir()
    with pytest.raises(JournalWriteFailed, match=r"result\.json can't be written"):
        write_file(tmp_path / "result.json", "new")
