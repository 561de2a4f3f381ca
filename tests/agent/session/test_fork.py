"""A session that begins as another one did: up to a step, with the change of that step, and nothing is left of a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import FIRST, call, prompt, ran, reply, result, started

from agent.errors import UsageError
from agent.session.events import Ended, Event, SandboxStarted, SessionStarted, SnapshotTaken, WorkBegan
from agent.session.fork import fork
from agent.session.journal import Journal, load
from agent.session.patch_store import PatchStore

LOOK, EDIT = call("c1", "read_file", path="a.py"), call("c2", command="sed -i s/1/2/ a.py")
EVENTS: list[Event] = [
    started(FIRST),
    SandboxStarted(sandbox="local", tree="a" * 40),
    WorkBegan(strategy="agent"),
    prompt(("system", "s"), ("user", "u")),
    reply("Let me look.", LOOK),
    *ran(LOOK, "1\ta = 1"),
    reply("", EDIT),
    *ran(EDIT, "[exit code 0]", exit_code=0),
    SnapshotTaken(tree="b" * 40),
    Ended(status="submitted", summary="a was 1"),
    result(FIRST),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path))
    return tmp_path / "sessions"


def session(root: Path, *events: Event) -> Path:
    """A session whose events were written in the year 2001, with a change that was kept."""
    with Journal(root / FIRST / "journal.jsonl") as journal:
        journal.append_timed([(event, 1_000_000_000.0 + number) for number, event in enumerate(events or EVENTS)])
    PatchStore(root / FIRST).write("b" * 40, b"the change")
    (root / FIRST / "baseline.json").write_text("{}")
    return root / FIRST


@pytest.mark.parametrize(
    ("step", "kept"),
    [(0, ["session_started", "sandbox_started", "work_began", "prompt_began"]), (1, 7), (2, 11)],
)
def test_it_has_what_came_before_the_next_step(root: Path, step: int, kept: int | list[str]) -> None:
    source = session(root)
    before = (source / "journal.jsonl").read_bytes()
    name = fork(source, step)
    events, _ = load(root / name / "journal.jsonl")
    expected = [event.kind for event in EVENTS[: kept if isinstance(kept, int) else len(kept)]]
    assert [event.kind for event in events] == expected
    first = events[0]
    assert isinstance(first, SessionStarted)
    assert (first.session_id, first.forked_from, first.forked_at) == (name, FIRST, step)
    assert (source / "journal.jsonl").read_bytes() == before
    assert (root / name / "baseline.json").read_text() == "{}"


def test_the_change_of_the_step_goes_along_and_the_times_stay(root: Path) -> None:
    source = session(root)
    early, late = fork(source, 1), fork(source, 2)
    assert PatchStore(root / late).read("b" * 40) == b"the change"
    assert PatchStore(root / early).read("b" * 40) is None
    with Journal(root / late / "journal.jsonl") as journal:
        assert journal.times == [1_000_000_000.0 + number for number in range(11)]


@pytest.mark.parametrize("step", [-1, 3])
def test_a_step_that_there_is_not_is_refused(root: Path, step: int) -> None:
    with pytest.raises(UsageError, match=f"no step {step}"):
        fork(session(root), step)
    assert [place.name for place in root.iterdir()] == [FIRST]


def test_a_session_that_did_not_begin_its_work_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="has not begun"):
        fork(session(root, *EVENTS[:2]), 0)


def test_a_step_whose_change_was_not_kept_is_refused(root: Path) -> None:
    source = session(root)
    for place in (source / "changes").iterdir():
        place.unlink()
    with pytest.raises(UsageError, match="change of step 2 was not stored"):
        fork(source, 2)
    assert [place.name for place in root.iterdir()] == [FIRST]
