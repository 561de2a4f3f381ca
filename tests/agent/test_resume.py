"""Resuming: what goes on, what is told, what is refused. Sessions in the local sandbox against a scripted model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from support import CALC, make_repository
from working import FIX, SUBMIT, FinishedSession, TimeLimit, call, calls

from agent import redaction
from agent.app.delivery import find_deliverable
from agent.app.tasks import resume_task
from agent.config import Settings
from agent.errors import BudgetExhausted, SessionInUse, UsageError
from agent.forge.issue import Issue
from agent.loop import run_session
from agent.repo.host import HostRepository
from agent.session.events import Event, SandboxStarted, SetupRan, SnapshotTaken, TestsRan
from agent.session.fork import fork
from agent.session.journal import Journal, load
from agent.session.patch_store import LATEST, PatchStore
from agent.session.session import only_journalled
from agent.session.state import State
from agent.task import Task

OTHER = call("write_file", path="other.txt", content="kept\n")
LOOK = call("shell", command="cat other.txt calc.py; ls")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("SWE_AGENT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "home"


NAME = "20260131-142501-k3f9"


def begin(model: Any, home: Path, **settings: Any) -> FinishedSession:
    """A new session, worked on until it ends."""
    repository = home.parent / "repository"
    if not repository.exists():
        make_repository(repository, CALC)
    given = {"base_url": model.base_url, "sandbox": "local", "strategy": "agent", "test": "python3 -m unittest"}
    task = Task(
        NAME,
        home / "sessions" / NAME,
        Issue("add gives wrong sums", "`add(2, 3)` gives -1 instead of 5.", "test"),
        HostRepository.open(repository, "HEAD"),
        Settings.model_validate({**given, **settings}),
    )
    return run(task)


def run(task: Task) -> FinishedSession:
    events: list[Event] = []
    outcome = anyio.run(run_session, _watched(task, events))
    return FinishedSession(outcome.result, events)


def _watched(task: Task, events: list[Event]) -> Task:
    return replace(task, subscribers=(only_journalled(events.append),))


def resume(name: str = NAME, **flags: Any) -> FinishedSession:
    return run(resume_task(name, flags))


def journal(home: Path, name: str = NAME) -> Path:
    return home / "sessions" / name / "journal.jsonl"


def cut(home: Path, kind: str, number: int = -1) -> None:
    """Cut a journal after one of its events of a kind, as a kill there would have left it."""
    place = journal(home)
    events, _ = load(place)
    at = [at for at, event in enumerate(events) if event.kind == kind][number]
    place.write_bytes(b"".join(place.read_bytes().splitlines(keepends=True)[: at + 1]))


# ---------------------------------------------------------------- budgets


def test_a_budget_that_is_raised_goes_on_with_the_same_prompt(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER), calls(FIX), calls(SUBMIT)]
    first = begin(scripted, home, max_steps=2)
    assert (first.result.status, first.result.exit_code, first.result.steps) == ("budget", 5, 2)
    last = scripted.requests[-1]["messages"]
    second = resume(max_steps=20)
    assert (second.result.status, second.result.exit_code) == ("fixed", 0)
    went_on = scripted.requests[2]["messages"]
    assert json.dumps(went_on).startswith(json.dumps(last)[:-1])  # byte for byte, and no new prompt
    assert scripted.requests[2]["tools"] == scripted.requests[1]["tools"]
    assert not second.of("prompt_began")
    assert second.result.steps == first.result.steps + len(second.replies)
    assert second.result.usage.completion_tokens == 10 * second.result.steps
    assert second.result.seconds.total > first.result.seconds.total
    assert "+kept" in second.result.patch and "return a + b" in second.result.patch


def test_what_was_prepared_is_not_prepared_again(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1, setup="echo once >> $HOME/setups; test $(wc -l < $HOME/setups) = 1")
    second = resume(max_steps=9)
    assert second.result.status == "fixed"
    assert not [event for event in second.events if isinstance(event, SetupRan | SandboxStarted)]
    assert not [event for event in second.events if isinstance(event, TestsRan) and event.phase == "before"]


def test_a_budget_that_is_the_same_is_told_and_nothing_is_journalled(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER)]
    begin(scripted, home, max_steps=1)
    before = journal(home).read_bytes()
    with pytest.raises(BudgetExhausted, match="budget of 1 steps") as told:
        resume()
    assert told.value.exit_code == 5 and "--max-steps" in told.value.hint
    assert journal(home).read_bytes() == before


# ---------------------------------------------------------------- calls left open


def test_a_time_limit_counts_the_setup_too_and_can_be_raised(
    scripted: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    once, begun = home.parent / "once", home.parent / "begun"
    os.mkfifo(begun)
    limit = TimeLimit(monkeypatch)
    limit.expire_after(begun.read_bytes)
    setup = f"test -e {once} || {{ touch {once}; : >{begun}; sleep 600; }}"
    first = begin(scripted, home, time_limit=limit.SECONDS, setup=setup)
    assert (first.result.status, first.result.exit_code, first.result.patch) == ("budget", 5, "")
    assert first.result.error == "the time limit of 100000 s is over before the work began"
    assert scripted.requests == []
    with pytest.raises(BudgetExhausted, match=r"time limit of 0\.001 s"):
        resume(time_limit=0.001)
    second = resume(time_limit=limit.SECONDS)
    assert second.result.status == "fixed"
    assert len([event for event in second.events if isinstance(event, SetupRan)]) == 1


def test_a_call_that_was_under_way_is_observed_as_interrupted_and_its_effect_undone(scripted: Any, home: Path) -> None:
    append = call("shell", command="echo more >> other.txt")
    scripted.answers = [calls(OTHER), calls(append), calls(LOOK), calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=2)
    cut(home, "tool_called")
    second = resume(max_steps=20)
    told = second.observed[0]
    assert not told.ok and told.content.startswith("interrupted:") and "look before" in told.content
    looked = second.observed[1].content
    assert looked.splitlines()[0] == "kept" and "more" not in looked
    assert (
        len([event for event in load(journal(home))[0] if event.kind == "tool_called"])
        == len(second.of("tool_called")) + 2
    )


def test_calls_that_had_not_begun_are_observed_as_not_run(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER, LOOK, FIX), calls(LOOK), calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1)
    cut(home, "observed", 0)
    second = resume(max_steps=20)
    assert [each.content.split(":")[0] for each in second.observed[:2]] == ["not run", "not run"]
    assert second.observed[2].content.startswith("kept")  # what was observed before is there
    assert second.result.status == "fixed"


def test_a_reply_without_a_call_is_answered_before_the_model_is_asked_again(scripted: Any, home: Path) -> None:
    scripted.answers = ["I think it is the sign.", calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1)
    cut(home, "model_replied")
    second = resume(max_steps=20)
    assert len(second.user_messages) == 1
    assert scripted.requests[1]["messages"][-1]["role"] == "user"
    assert second.result.status == "fixed"


# ---------------------------------------------------------------- the workspace


def test_a_workspace_that_is_gone_is_made_again_with_its_last_change(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER), calls(FIX), calls(LOOK), calls(SUBMIT)]
    begin(scripted, home, max_steps=2, setup="echo set >> $HOME/setups")
    place = journal(home).parent
    assert (place / LATEST).read_bytes().count(b"diff --git") == 2
    shutil.rmtree(place / "workspace")
    shutil.rmtree(place / "workspace-clean")
    second = resume(max_steps=20)
    assert second.result.status == "fixed"
    assert [event.message for event in second.of("warned") if "made again" in event.message]
    assert second.observed[0].content.startswith("kept") and "return a + b" in second.observed[0].content
    assert len([event for event in second.events if isinstance(event, SetupRan)]) == 1
    assert not [event for event in second.events if isinstance(event, SnapshotTaken)]  # it came to the same tree


def test_an_untouched_copy_that_is_gone_is_made_again(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1, setup="touch $HOME/set")
    shutil.rmtree(journal(home).parent / "workspace-clean")
    assert resume(max_steps=20).result.status == "fixed"


def test_a_session_that_is_finished_leaves_no_workspace_and_is_refused(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    assert begin(scripted, home).result.status == "fixed"
    assert not list(journal(home).parent.glob("workspace*/*"))
    with pytest.raises(UsageError, match="is finished: fixed"):
        resume()


def test_a_kill_after_the_end_of_the_work_leaves_its_result_to_be_found(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    first = begin(scripted, home)
    cut(home, "ended")
    asked = len(scripted.requests)
    second = resume()
    assert len(scripted.requests) == asked  # the work was done
    assert (second.result.status, second.result.patch) == ("fixed", first.result.patch)


def test_a_workspace_is_not_kept_where_that_is_not_wanted(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1, keep_workspace=False)
    assert not (journal(home).parent / "workspace").exists()
    assert resume(max_steps=20).result.status == "fixed"


# ---------------------------------------------------------------- preparation


@pytest.mark.parametrize("kind", ["session_started", "backend_found", "sandbox_started", "setup_ran", "tests_ran"])
def test_a_kill_while_it_is_prepared(scripted: Any, home: Path, kind: str) -> None:
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    begin(scripted, home, max_steps=1, setup="touch $HOME/set")
    cut(home, kind, 0)
    shutil.rmtree(journal(home).parent / "workspace-clean")
    scripted.requests.clear()  # the script begins again
    second = resume(max_steps=20)
    assert second.result.status == "fixed"
    assert len(second.prompts) == 1
    assert len(second.of("setup_ran")) == (kind not in {"setup_ran", "tests_ran"})
    assert len([ran for ran in second.of("tests_ran") if ran.phase == "before" and not ran.about]) == (
        kind != "tests_ran"
    )


# ---------------------------------------------------------------- strategies


def test_undo_goes_back_behind_the_interruption(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(FIX), calls(OTHER), calls(call("undo")), calls(LOOK), calls(SUBMIT)]
    begin(scripted, home, max_steps=2)
    second = resume(max_steps=20)
    assert second.observed[0].ok and "other.txt" in second.observed[0].content
    assert "No such file" in second.observed[1].content and "return a + b" in second.observed[1].content


def test_a_guided_search_begins_anew_with_its_budgets_gone_on(scripted: Any, home: Path) -> None:
    wrong = "```python\ndef add(a, b):\n    return a * b\n```"
    right = '```python\ndef add(a, b):\n    """Return the sum."""\n    return a + b\n```'
    scripted.answers = [wrong, right]
    first = begin(scripted, home, strategy="guided", max_steps=1)
    assert first.of("phase_began")
    cut(home, "phase_began")
    second = resume(max_steps=20)
    assert second.result.status == "fixed"
    assert [event.message for event in second.of("warned") if "begins anew" in event.message]
    assert not second.of("setup_ran") and second.result.strategy == "guided"


def test_attempts_go_on_where_they_were(scripted: Any, home: Path) -> None:
    wrong = call("edit_file", path="calc.py", old="return a - b", new="return a * b")
    first = [calls(wrong), *[calls(SUBMIT)] * 4]
    scripted.answers = [*first, calls(FIX), calls(SUBMIT)]
    done = begin(scripted, home, attempts=2, max_steps=40)
    assert done.result.status == "fixed"
    assert done.of("attempt_began")[-1].number == 2
    edits = [at for at, event in enumerate(done.observed) if event.name == "edit_file"]
    cut(home, "observed", edits[-1])  # killed in the second attempt, after its edit
    scripted.answers = [calls(SUBMIT)]
    second = resume()
    assert second.result.status == "fixed"
    assert not second.of("attempt_began") and not second.prompts
    assert second.result.attempts == 2


def test_a_change_that_is_masked_in_the_journal_goes_on_and_is_delivered_as_it_was(
    scripted: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())
    scripted.answers = [calls(FIX), calls(SUBMIT)]
    secret = "return a + b"
    first = begin(scripted, home, attempts=2, api_key=secret)
    assert (first.result.status, secret in journal(home).read_text()) == ("fixed", False)
    cut(home, "ended")
    monkeypatch.setenv("SWE_AGENT_API_KEY", secret)
    second = resume()
    assert second.result.status == "fixed"
    repository = home.parent / "repository"
    find_deliverable(NAME).apply()
    assert secret in (repository / "calc.py").read_text()


# ---------------------------------------------------------------- who and what


def test_two_at_once_are_refused_with_who_has_it(scripted: Any, home: Path) -> None:
    """Case 19."""
    scripted.answers = [calls(FIX)]
    begin(scripted, home, max_steps=1)
    script = "import sys, pathlib\nfrom agent.session.journal import Journal\nwith Journal(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    argv = [sys.executable, "-c", script, str(journal(home))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(SessionInUse, match=rf"process {other.pid}, since \d{{4}}-") as told:
            resume(max_steps=5)
        other.communicate("")
    assert told.value.exit_code == 2


def test_a_session_that_is_not_there_is_told(home: Path) -> None:
    with pytest.raises(UsageError, match="no session"):
        resume_task("20200101-000000-none", {})


def test_a_fork_begins_as_the_session_did_and_goes_its_own_way(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER), calls(FIX), calls(SUBMIT)]
    first = begin(scripted, home)
    assert first.result.status == "fixed"
    before = journal(home).read_bytes()
    name = fork(journal(home).parent, 1)
    events, _ = load(journal(home, name))
    assert [event.kind for event in events].count("model_replied") == 1
    assert events[0].kind == "session_started" and events[0].forked_from == NAME and events[0].forked_at == 1
    assert journal(home).read_bytes() == before
    scripted.answers = [calls(LOOK), calls(SUBMIT), calls(SUBMIT)]
    scripted.requests.clear()
    second = resume(name)
    assert second.observed[0].content.startswith("kept") and "return a - b" in second.observed[0].content
    assert second.result.status == "unverified" and "+kept" in second.result.patch
    with pytest.raises(UsageError, match="no step 99"):
        fork(journal(home).parent, 99)


# ---------------------------------------------------------------- parts


def test_the_state_is_the_same_fold_at_every_prefix(scripted: Any, home: Path) -> None:
    scripted.answers = [calls(OTHER, FIX), calls(LOOK), calls(SUBMIT)]
    begin(scripted, home)
    events, _ = load(journal(home))
    live = State()
    for number, event in enumerate(events):
        live.add(event)
        again = State()
        for each in events[: number + 1]:
            again.add(each)
        assert again == live, number
    assert live.finished == "fixed" and not live.prompt.open_calls


def test_changes_are_kept_whole_and_by_their_tree(tmp_path: Path) -> None:
    changes = PatchStore(tmp_path)
    one, two = "a" * 40, "b" * 40
    changes.write(one, b"first")
    changes.write(two, b"second")
    assert (changes.read(one), changes.read(two), changes.read("../x"), changes.read("c" * 40)) == (
        b"first",
        b"second",
        None,
        None,
    )
    assert (tmp_path / LATEST).read_bytes() == b"second"
    changes.write(one, b"first")  # gone back to
    assert (tmp_path / LATEST).read_bytes() == b"first"


def test_the_lock_outlives_no_process(tmp_path: Path) -> None:
    place = tmp_path / "session" / "journal.jsonl"
    script = "import sys, pathlib\nfrom agent.session.journal import Journal\nwith Journal(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        other.send_signal(signal.SIGKILL)
        other.communicate()
    with Journal(place) as opened:
        assert opened.events == []
