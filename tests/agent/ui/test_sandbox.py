"""`swe-agent sandbox status|prune`: what no session needs is found and removed, and nothing else is."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from recorded import FIRST, SECOND, record, result, started
from support import swe_agent

from agent.app.sandbox_resources import prune, survey
from agent.session.events import SandboxStarted
from agent.session.journal import Journal
from sandbox.docker_engine import HOME_LABEL, OWNER_LABEL, SESSION_LABEL, connect
from sandbox.docker_owner import home_label, labels, owner_label

FINISHED = [started(FIRST), SandboxStarted(sandbox="bubblewrap"), result(FIRST)]
CUT_OFF = [started(SECOND), SandboxStarted(sandbox="bubblewrap")]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sessions' directory of a home of its own."""
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "sessions"


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def workspaces(root: Path) -> Path:
    """A finished session and one that was cut off, each with a workspace and copies of it, and half of a removal."""
    for place in (record(root, FIRST, *FINISHED), record(root, SECOND, *CUT_OFF)):
        for name in ("workspace", "workspace-clean", "workspace-fresh-0a1b2c3d", "held-out", "patches"):
            (place / name).mkdir()
            (place / name / "file").write_bytes(os.urandom(100_000))
        (place / "workspace" / "out").symlink_to(root)
    (root / ".removing-20260131-142500-zzzz").mkdir()
    return root


def names(root: Path, session: str) -> set[str]:
    return {each.name for each in (root / session).iterdir()}


def run(*args: str, root: Path) -> Any:
    return swe_agent("sandbox", *args, home=root.parents[1])


def test_workspaces_of_finished_sessions_go_and_those_that_can_be_resumed_stay(
    workspaces: Path, no_engine: None
) -> None:
    states = {(each.session, Path(each.name).name): each.state for each in survey().items}
    assert states == {
        (FIRST, "workspace"): "orphan", (FIRST, "workspace-clean"): "orphan", (FIRST, "held-out"): "orphan",
        (FIRST, "workspace-fresh-0a1b2c3d"): "orphan", (SECOND, "workspace"): "kept", (SECOND, "workspace-clean"): "kept",
        (SECOND, "held-out"): "kept", (SECOND, "workspace-fresh-0a1b2c3d"): "orphan",
        ("", ".removing-20260131-142500-zzzz"): "orphan",
    }  # fmt: skip
    dry = run("prune", "--dry-run", "--json", root=workspaces)
    assert dry.returncode == 0 and names(workspaces, FIRST) >= {"workspace", "held-out"}
    done = run("prune", "--json", root=workspaces)
    found, would = json.loads(done.stdout), json.loads(dry.stdout)
    assert done.returncode == 0 and found["removed"] and found["failed"] == [] and not found["dry_run"]
    assert sorted(map(str, would["removed"])) == sorted(map(str, found["removed"])) and would["dry_run"]
    assert found["freed_bytes"] >= 500_000 and "no Docker engine answers" in found["problem"]
    assert names(workspaces, FIRST) == {"journal.jsonl", "patches"}
    assert names(workspaces, SECOND) == {"journal.jsonl", "patches", "workspace", "workspace-clean", "held-out"}
    assert survey().orphans == []


def test_a_session_that_runs_keeps_everything(workspaces: Path, no_engine: None) -> None:
    with Journal(workspaces / SECOND / "journal.jsonl"):
        assert {each.state for each in survey().items if each.session == SECOND} == {"in use"}


def test_what_came_into_use_meanwhile_is_left(workspaces: Path, no_engine: None) -> None:
    orphans = survey().orphans
    with Journal(workspaces / SECOND / "journal.jsonl"):
        done = prune(orphans)
    assert [Path(item.name).name for item, _ in done.failed] == ["workspace-fresh-0a1b2c3d"]
    assert "works on its session" in done.failed[0][1]


def test_the_table_and_its_last_lines(workspaces: Path, no_engine: None) -> None:
    done = run("status", root=workspaces)
    assert done.returncode == 0 and "Docker engine: none (no Docker engine answers" in done.stdout
    assert done.stdout.count("\nworkspace  ") == 9 and "swe-agent sandbox prune" in done.stdout
    pruned = run("prune", root=workspaces)
    assert pruned.stdout.count("\n") == 6 and "6 items removed, " in pruned.stderr


class Docker:
    """Makes volumes and containers as sessions do, and removes what is left of them."""

    def __init__(self) -> None:
        self.client = connect()
        self.mark = secrets.token_hex(4)
        self.made: list[Any] = []

    def image(self) -> str:
        import anyio

        from sandbox.images import ensure_image

        return anyio.run(ensure_image, self.client, None, lambda _: None)

    def volume(self, name: str, **more: str) -> str:
        full = f"swe-agent-{name}"
        self.made.append(self.client.volumes.create(full, labels={**labels(full), **more}))
        return full

    def container(self, name: str, **more: str) -> str:
        full = f"swe-agent-{name}"
        made = self.client.containers.create(
            self.image(), ["true"], name=full, labels={**labels(full), **more}, network_mode="none",
            volumes={full: {"bind": "/mnt", "mode": "rw"}},
        )  # fmt: skip
        self.made.insert(0, made)
        return full

    def close(self) -> None:
        for each in self.made:
            with contextlib.suppress(docker.errors.NotFound):
                each.remove(force=True)
        self.client.close()


@pytest.fixture
def engine(docker_engine: None) -> Iterator[Docker]:
    made = Docker()
    yield made
    made.close()


@pytest.fixture
def gone() -> str:
    """The owner's label of a process that has ended."""
    script = "from sandbox.docker_owner import owner_label; print(owner_label())"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_containers_and_volumes_are_told_apart_by_session_owner_and_home(root: Path, engine: Docker, gone: str) -> None:
    first, second = f"20260131-142501-{engine.mark}", f"20260131-142502-{engine.mark}"
    lost, other, busy = (f"{name}-{engine.mark}" for name in ("lost", "other", "busy"))
    record(root, first, started(first), SandboxStarted(sandbox="docker"), result(first))
    record(root, second, started(second), SandboxStarted(sandbox="docker"))
    expected = {
        ("volume", engine.volume(first, **{OWNER_LABEL: gone})): "orphan",
        ("volume", engine.volume(second, **{OWNER_LABEL: gone})): "kept",
        # of another boot: one of this boot is removed by any sandbox that starts meanwhile
        ("container", engine.container(second, **{OWNER_LABEL: "another-boot 1 1"})): "orphan",
        ("volume", engine.volume(f"{second}-clean", **{OWNER_LABEL: gone})): "kept",
        ("volume", engine.volume(f"{second}-fresh-0a1b", **{OWNER_LABEL: gone})): "orphan",
        ("volume", engine.volume(lost, **{OWNER_LABEL: gone})): "orphan",
        ("volume", engine.volume(other, **{OWNER_LABEL: gone, HOME_LABEL: "another"})): "unknown",
        ("volume", engine.volume(busy)): "in use",
    }
    found = {(each.kind, each.name): each.state for each in survey().items if engine.mark in each.name}
    assert found == expected
    done = run("prune", "--json", root=root)
    removed = {(each["kind"], each["name"]) for each in json.loads(done.stdout)["removed"]}
    assert {each for each in removed if engine.mark in each[1]} == {
        each for each, state in expected.items() if state == "orphan"
    }
    left = {(each.kind, each.name): each.state for each in survey().items if engine.mark in each.name}
    assert left == {each: state for each, state in expected.items() if state != "orphan"}


def test_the_labels_name_this_process_and_this_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = labels("x")
    assert here == {SESSION_LABEL: "x", OWNER_LABEL: owner_label(), HOME_LABEL: home_label()}
    monkeypatch.setenv("SWE_AGENT_HOME", str(root))
    assert home_label() != here[HOME_LABEL]
