"""`swe-agent bench` from outside: tiny task sets, a scripted model, real sessions in bubblewrap."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benching import FUNCTION, NEW, RIGHT, RIGHT_FUNCTION, calc_row, scripted_by_step, write_rows
from doubles import LlamaCppDouble
from support import ScriptedModel, call, swe_agent

from agent.bench.results import TaskResult


@pytest.fixture(autouse=True)
def without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


def model_for(*by_issue: tuple[str, list[Any]]) -> Any:
    """An answer by what the issue speaks of."""

    def answer(body: dict[str, Any]) -> Any:
        text = json.dumps(body["messages"])
        return next(scripted_by_step(*steps)(body) for word, steps in by_issue if word in text)

    return answer


def arguments(tmp_path: Path, base_url: str, *more: str | Path) -> list[str | Path]:
    return [
        "bench", "run", tmp_path / "tasks.jsonl", "--out", tmp_path / "run", "--base-url", base_url,
        "--sandbox", "bubblewrap", "--network", "none", "--strategy", "agent", "--time-limit", "10m",
        "--repositories", tmp_path / "repositories", *more,
    ]  # fmt: skip


def bench(tmp_path: Path, base_url: str, *more: str | Path) -> Any:
    return swe_agent(*arguments(tmp_path, base_url, *more), home=tmp_path / "home", cwd=tmp_path)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


WRONG = [
    call("write_file", path="test_calc.py", content="# <b>every</b> test is gone\n"),
    call("submit", summary="nothing fails now"),
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any, ScriptedModel]]:
    """A run of three tasks by two workers; the second model answer guts the tests."""
    tmp_path = tmp_path_factory.mktemp("ran")
    repositories = tmp_path / "repositories"
    wrong = calc_row(repositories, "owner__calc-2") | {"problem_statement": "# sums\n\nThey are otherwise wrong."}
    write_rows(tmp_path / "tasks.jsonl", calc_row(repositories), wrong, FUNCTION)
    model = ScriptedModel()
    model.answers = [
        model_for(("largest", RIGHT_FUNCTION), ("otherwise", WRONG), ("gives wrong sums", RIGHT)),
    ]
    done = bench(tmp_path, model.base_url, "--workers", "2", "--json")
    yield tmp_path, done, model
    model.close()


def test_a_run_of_both_kinds(ran: tuple[Path, Any, ScriptedModel]) -> None:
    done = ran[1]
    assert done.returncode == 0, done.stderr
    *tasks, summary = lines(done.stdout)
    by_id = {each["instance_id"]: each for each in tasks}
    assert {name: each["solved"] for name, each in by_id.items()} == {
        "owner__calc-1": True, "owner__calc-2": False, "Python/7": True,
    }, done.stderr  # fmt: skip
    assert (summary["kind"], summary["tasks"], summary["run"], summary["solved"]) == ("summary", 3, 3, 2)
    assert summary["interval"] == [0.2077, 0.9385]
    assert summary["usage"]["completion_tokens"] == 10 * len(ran[2].requests)  # each reply has ten
    assert by_id["owner__calc-1"]["status"] == "fixed"
    # the task's own tests take the place of what the patch did to them
    assert NEW in by_id["owner__calc-2"]["still_failing"]
    assert "still failing" in by_id["owner__calc-2"]["reason"]
    assert "--workers" not in done.stderr  # this server does not say how many it answers


def test_what_a_run_leaves(ran: tuple[Path, Any, ScriptedModel]) -> None:
    run = ran[0] / "run"
    predictions = lines((run / "preds.jsonl").read_text())
    assert {each["instance_id"] for each in predictions} == {"owner__calc-1", "owner__calc-2", "Python/7"}
    assert all(each["model_name_or_path"] == "swe-agent/scripted" for each in predictions)
    assert all(each["model_patch"].startswith("diff --git") for each in predictions)
    assert len(lines((run / "results.jsonl").read_text())) == 3
    task = run / "tasks" / "owner__calc-1"
    events = lines((task / "events.jsonl").read_text())
    assert (events[0]["kind"], events[-1]["kind"]) == ("session_started", "result")
    assert "setup" in (task / "scoring.log").read_text()
    assert (task / "patch.diff").read_text() == events[-1]["patch"]
    # nothing of what decides, and nothing after the base commit, was shown to the model
    seen = json.dumps(ran[2].requests)
    assert "test_negative" not in seen
    assert "[-1]" not in seen
    assert not (task / "scoring").exists()


def test_run_again_nothing_is_done_twice(ran: tuple[Path, Any, ScriptedModel]) -> None:
    tmp_path, _, model = ran
    before = len(model.requests)
    (tmp_path / "run" / "preds.jsonl").write_text("torn")
    done = bench(tmp_path, "http://127.0.0.1:9/v1", "--workers", "1")  # not even the server is asked
    assert done.returncode == 0, done.stderr
    assert "3 of them done before" in done.stderr
    assert "2 of 3 solved, 66.7% (20.8–93.8%)" in done.stdout
    assert len(model.requests) == before
    assert len(lines((tmp_path / "run" / "preds.jsonl").read_text())) == 3


def test_other_settings_are_refused(ran: tuple[Path, Any, ScriptedModel]) -> None:
    tmp_path, _, model = ran
    done = bench(tmp_path, model.base_url, "--max-tokens", "6000")
    assert done.returncode == 2
    assert "max_tokens was None and is 6000" in done.stderr
    other = write_rows(tmp_path / "other.jsonl", FUNCTION)
    args = [str(other) if str(each).endswith("tasks.jsonl") else each for each in arguments(tmp_path, model.base_url)]
    done = swe_agent(*args, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 2
    assert "and are other ones" in done.stderr


def test_the_report(ran: tuple[Path, Any, ScriptedModel]) -> None:
    tmp_path, _, _ = ran
    page = tmp_path / "report.html"
    done = swe_agent("bench", "report", tmp_path / "run", "--html", page, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "owner__calc-2" in done.stdout
    text = page.read_text()
    assert text.count("<details>") == 6  # three tasks, a scoring log in each
    assert "&lt;b&gt;every&lt;/b&gt; test is gone" in text
    assert "<b>" not in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    done = swe_agent("bench", "report", tmp_path / "run", "--json", home=tmp_path / "home")
    assert json.loads(done.stdout)["solved"] == 2
    done = swe_agent("bench", "report", tmp_path, home=tmp_path / "home")
    assert (done.returncode, done.stdout) == (2, "")


def test_runs_are_compared(ran: tuple[Path, Any, ScriptedModel], tmp_path: Path) -> None:
    first = ran[0] / "run"
    second = tmp_path / "second"
    (second / "tasks").mkdir(parents=True)
    (second / "run.json").write_text((first / "run.json").read_text())
    for place in first.glob("tasks/*/result.json"):
        record = TaskResult.model_validate_json(place.read_text())
        if record.instance_id != "owner__calc-1":
            (second / "tasks" / place.parent.name).mkdir()
            worse = record.model_copy(update={"solved": False})
            (second / "tasks" / place.parent.name / "result.json").write_text(worse.model_dump_json())
    done = swe_agent("bench", "compare", first, second, "--json", home=tmp_path)
    compared = json.loads(done.stdout)
    assert compared["common"] == 2
    assert compared["differing"] == {"Python/7": [True, False]}
    assert (compared["pairs"][0]["only_first"], compared["pairs"][0]["only_second"], compared["pairs"][0]["p"]) == (
        1,
        0,
        1.0,
    )
    done = swe_agent("bench", "compare", first, second, home=tmp_path)
    assert (done.returncode, "Python/7" in done.stdout, "McNemar" in done.stdout) == (0, True, True)
    assert swe_agent("bench", "compare", first, home=tmp_path).returncode == 2


def test_nobody_at_the_address(tmp_path: Path) -> None:
    write_rows(tmp_path / "tasks.jsonl", FUNCTION)
    (tmp_path / "repositories").mkdir()
    done = bench(tmp_path, "http://127.0.0.1:9/v1", "--json")
    assert done.returncode == 3
    assert [each["kind"] for each in lines(done.stdout)] == ["summary"]
    assert "no model server answers" in done.stderr


def test_what_infrastructure_prevents_is_no_result_and_tried_again(tmp_path: Path) -> None:
    row = calc_row(tmp_path / "elsewhere")
    write_rows(
        tmp_path / "tasks.jsonl", row, row | {"instance_id": "owner__calc-2", "setup_cmd": "echo no disk; exit 7"}
    )
    (tmp_path / "repositories" / "owner").mkdir(parents=True)
    with LlamaCppDouble(scripted_by_step(*RIGHT), slots=1) as model:
        # a proxy that nobody listens at stands for no network
        args = arguments(tmp_path, model.base_url, "--filter", "1$", "--json")
        done = run_without_network(args, tmp_path)
        assert done.returncode == 6, done.stderr
        assert [each["kind"] for each in lines(done.stdout)] == ["failure", "summary"]
        assert (tmp_path / "run" / "preds.jsonl").read_text() == ""
        (tmp_path / "elsewhere" / "owner" / "calc").rename(tmp_path / "repositories" / "owner" / "calc")
        done = bench(tmp_path, model.base_url, "--workers", "2")
    assert done.returncode == 4, done.stderr
    assert "[1/2] owner__calc-1: solved" in done.stderr or "[2/2] owner__calc-1: solved" in done.stderr
    assert "owner__calc-2 was not run: the task's setup failed: exit code 7: no disk" in done.stderr
    assert "the server answers 1 request at once: 2 workers wait for each other" in done.stderr
    assert "1 of 1 solved" in done.stdout


def run_without_network(args: list[str | Path], tmp_path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        return swe_agent(*args, home=tmp_path / "home", cwd=tmp_path)


def test_ctrl_c_ends_in_good_order_and_the_run_goes_on_later(tmp_path: Path) -> None:
    write_rows(tmp_path / "tasks.jsonl", calc_row(tmp_path / "repositories"))
    asked, let_go = threading.Event(), threading.Event()

    def hang(body: dict[str, Any]) -> Any:
        asked.set()
        let_go.wait(300)
        return scripted_by_step(*RIGHT)(body)

    model = ScriptedModel()
    model.answers = [hang]
    try:
        argv = [sys.executable, "-m", "agent", *map(str, arguments(tmp_path, model.base_url))]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SWE_AGENT_HOME", str(tmp_path / "home" / "data"))
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        assert asked.wait(600)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
        let_go.set()
        assert process.returncode == 130, stderr
        assert "goes on" in stderr
        events = lines((tmp_path / "run" / "tasks" / "owner__calc-1" / "events.jsonl").read_text())
        assert events[-1]["status"] == "interrupted"  # the session ended in good order
        done = bench(tmp_path, model.base_url)
        assert done.returncode == 0, done.stderr
        assert "1 of 1 solved" in done.stdout
    finally:
        let_go.set()
        model.close()
