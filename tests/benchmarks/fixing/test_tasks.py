"""Tasks become repositories whose shown test is not the one that decides; a run leaves a record."""

import argparse
import json
import subprocess

import pytest

from benchmarks.fixing.jail import Jail
from benchmarks.fixing.report import text_of, wilson
from benchmarks.fixing.run import _run
from benchmarks.fixing.tasks import functions

ROW = {
    "task_id": "Set/1",
    "entry_point": "double",
    "buggy": "\ndef double(number):\n    return number + number + 1\n",
    "reference": "def double(number):\n    return number * 2\n",
    "example_test": "def check(double):\n    assert double(2) == 4\ncheck(double)\n",
    "test": "def check(double):\n    assert double(2) == 4\n    assert double(3) == 6\ncheck(double)\n",
}
FOUR = "def double(number):\n    return 4\n"


@pytest.fixture
def task(tmp_path):
    (tmp_path / "set.jsonl").write_text(json.dumps(ROW) + "\n")
    return next(functions(tmp_path / "set.jsonl"))


@pytest.fixture
def repo(task, tmp_path):
    place = tmp_path / "repo"
    place.mkdir()
    task.prepare(place)
    return place


def test_the_repository_has_one_commit_and_the_shown_test(task, repo):
    log = subprocess.run(["git", "-C", repo, "log", "--oneline"], capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 1
    assert sorted(each.name for each in repo.glob("*.py")) == ["double.py", "test_double.py"]
    assert "double(3)" not in (repo / "test_double.py").read_text()


@pytest.mark.parametrize(("answer", "solved"), [(ROW["buggy"], False), (FOUR, False), (ROW["reference"], True)])
def test_the_hidden_test_decides(task, repo, answer, solved):
    (repo / "double.py").write_text(answer)
    assert task.score(repo) is solved


def test_what_was_done_to_tests_counts_for_nothing(task, repo):
    (repo / "double.py").write_text(FOUR)
    (repo / "test_hidden.py").write_text("def test_nothing(): pass\n")
    (repo / "conftest.py").write_text("collect_ignore_glob = ['*']\n")
    (repo / "double_link.py").symlink_to("/etc/passwd")
    assert not task.score(repo)


def test_a_command_is_ended_with_all_it_started(tmp_path):
    jail = Jail(tmp_path, {"PATH": "/usr/bin:/bin"}, stop=(tmp_path / "begun").exists)
    command = f"sh -c 'touch begun; sleep 600; touch {tmp_path}/late' & wait"
    assert jail.run(["sh", "-c", command], cwd=tmp_path, log=tmp_path / "log") is None


def test_a_command_writes_in_its_place_only(tmp_path, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    place = tmp_path / "place"
    place.mkdir()
    command = f"touch here; touch {other}/there; touch /usr/there"
    assert Jail(place, {"PATH": "/usr/bin:/bin"}).run(["sh", "-c", command], cwd=place, log=tmp_path / "log") != 0
    assert (place / "here").exists()
    assert not (other / "there").exists()


def test_a_command_that_never_ends_uses_up_its_processor_time(tmp_path):
    jail = Jail(tmp_path, {"PATH": "/usr/bin:/bin"}, cpu_seconds=1)
    assert jail.run(["sh", "-c", "while :; do :; done"], cwd=tmp_path, log=tmp_path / "log") not in {0, None}


class Stub:
    """A system that leaves the right answer."""

    name = "stub"
    stops_itself = False

    def install(self, cache):
        return {}

    def environment(self, home):
        return {"EXTRA": "1"}

    def work(self, job):
        code = job.call(["sh", "-c", 'test "$EXTRA" = 1 && test -f test_double.py && pwd'])
        (job.repo / "double.py").write_text(ROW["reference"])
        return {"exit": code, "status": "done", "left": job.seconds_left > 0}


def test_a_run_leaves_a_record_and_a_table(task, tmp_path):
    options = argparse.Namespace(
        base_url="http://127.0.0.1:9/v1",
        max_tokens=10,
        time_limit=60.0,
        model="none",
        window=100,
        readable=[],
        keep=False,
    )
    out = tmp_path / "out" / "stub"
    record = _run(Stub(), task, out / task.name, options, tmp_path)
    assert record["solved"] is True
    assert record["told"] == {"exit": 0, "left": True}
    assert (out / task.name / "left" / "double.py").read_text() == ROW["reference"]
    assert not (out / task.name / "work").exists()
    (out / f"{task.name}.json").write_text(json.dumps(record))
    assert "| stub | 1 | 1 | 100 | 21–100% | 0 | 0 |" in text_of([out], markdown=True)


def test_wilson():
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(9, 18)
    assert (round(low, 3), round(high, 3)) == (0.290, 0.710)
    assert wilson(18, 18)[1] == 1.0
