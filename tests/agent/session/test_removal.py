"""Sessions are removed whole: record, workspace, and what Docker holds; those that run are not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import FIRST, SECOND, record, result, started

from agent.errors import SandboxUnavailable, UsageError
from agent.session.events import Event, SandboxStarted
from agent.session.journal import Journal
from agent.session.overview import read_overview
from agent.session.removal import measure_volumes, open_remover, parse_age
from sandbox.docker_engine import SESSION_LABEL, connect
from sandbox.docker_leftovers import belongs_to, open_leftovers

IN_DOCKER: list[Event] = [started(FIRST), SandboxStarted(sandbox="docker")]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sessions' directory of a home of its own."""
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path))
    return tmp_path / "sessions"


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Docker engine answers."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def volume(docker_engine: None) -> Iterator[str]:
    """The name of a session with a volume of 3 MB, another of its copy and a container, as a killed one leaves them."""
    import anyio

    from sandbox.images import ensure_image

    session = f"20260131-142501-{secrets.token_hex(4)}"
    client = connect()
    image = anyio.run(ensure_image, client, None, lambda _: None)
    names = [f"swe-agent-{session}", f"swe-agent-{session}-clean"]
    for name in names:
        client.volumes.create(name, labels={SESSION_LABEL: name})
    mounted = {names[0]: {"bind": "/mnt", "mode": "rw"}}
    client.containers.run(
        image, ["dd", "if=/dev/urandom", "of=/mnt/x", "bs=1M", "count=3"], entrypoint="", user="0:0",
        network_mode="none", volumes=mounted, name=names[0], labels={SESSION_LABEL: names[0]},
    )  # fmt: skip
    yield session
    with open_leftovers() as leftovers:
        leftovers.remove(session)
    client.close()


def test_a_session_goes_with_all_that_it_wrote(root: Path, no_engine: None) -> None:
    place, other = record(root, FIRST), record(root, SECOND)
    locked = place / "workspace" / "deep"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0o500)
    (place / "workspace" / "out").symlink_to(other)
    summary = read_overview(place)
    with open_remover([summary]) as remover:
        remover.remove(summary)
    assert [each.name for each in root.iterdir()] == [SECOND]
    assert (other / "journal.jsonl").exists()


def test_one_that_runs_is_refused(root: Path) -> None:
    place = record(root, FIRST)
    summary = read_overview(place)
    with Journal(place / "journal.jsonl"), open_remover([summary]) as remover, pytest.raises(UsageError, match="runn"):
        remover.remove(summary)
    assert (place / "journal.jsonl").exists()


def test_without_a_journal_it_can_be_removed(root: Path, no_engine: None) -> None:
    (root / FIRST).mkdir(parents=True)
    summary = read_overview(root / FIRST)
    with open_remover([summary]) as remover:
        remover.remove(summary)
    assert list(root.iterdir()) == []


def test_what_an_earlier_removal_left_is_taken_along(root: Path, no_engine: None) -> None:
    record(root, FIRST).rename(root / f".removing-{FIRST}")
    (root / f".removing-{SECOND}" / "workspace").mkdir(parents=True)
    with open_remover([]):
        assert list(root.iterdir()) == []


def test_where_its_volume_can_not_be_reached_it_stays_unless_forced(root: Path, no_engine: None) -> None:
    place = record(root, FIRST, *IN_DOCKER)
    summary = read_overview(place)
    with open_remover([summary]) as remover:
        with pytest.raises(
            SandboxUnavailable, match=f"the Docker volume of {FIRST} can't be removed: no Docker engine"
        ):
            remover.remove(summary)
        assert (place / "journal.jsonl").exists()
        remover.remove(summary, force=True)
    assert not place.exists()


def test_one_that_finished_needs_no_engine(root: Path, no_engine: None) -> None:
    summary = read_overview(record(root, FIRST, *IN_DOCKER, result(FIRST)))
    with open_remover([summary]) as remover:
        remover.remove(summary)
    assert not summary.directory.exists()


def test_its_volumes_and_containers_go_and_no_others(root: Path, volume: str) -> None:
    client = connect()
    other = f"swe-agent-{volume}x"
    client.volumes.create(other, labels={SESSION_LABEL: other})
    try:
        summary = read_overview(record(root, volume, started(volume), SandboxStarted(sandbox="docker")))
        measure_volumes([summary])
        assert 3_000_000 < summary.volume_bytes < 4_000_000
        with open_remover([summary]) as remover:
            remover.remove(summary)
        with open_leftovers() as leftovers:
            assert [name for name in leftovers.volumes() if volume in name] == [other]
        assert client.containers.list(all=True, filters={"label": f"{SESSION_LABEL}=swe-agent-{volume}"}) == []
    finally:
        client.volumes.get(other).remove()
        client.close()
    assert not summary.directory.exists()


def test_without_an_engine_volumes_are_not_measured(root: Path, no_engine: None) -> None:
    summary = read_overview(record(root, FIRST, *IN_DOCKER))
    measure_volumes([summary])
    assert summary.volume_bytes == 0


@pytest.mark.parametrize(
    ("thing", "own"),
    [
        (f"swe-agent-{FIRST}", True),
        (f"swe-agent-{FIRST}-clean", True),
        (f"swe-agent-{FIRST}-clean-clean", True),
        (f"swe-agent-{FIRST}x", False),
        (f"swe-agent-{FIRST}-cleaner", False),
        (FIRST, False),
    ],
)
def test_what_belongs_to_a_session(thing: str, own: bool) -> None:
    assert belongs_to(thing, FIRST) is own


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("2w", 1_209_600), ("12h", 43_200), ("1d 12h", 129_600), ("0.5d", 43_200)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["30", "", "d", "-3d", "3 days", "1y", "30d!"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UsageError, match="is not an age"):
        parse_age(text)
