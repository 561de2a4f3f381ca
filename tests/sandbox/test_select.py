"""Which sandbox is started: the one that is asked for, else the first isolated one that works."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent.errors import SandboxUnavailable, UsageError
from sandbox import bubblewrap
from sandbox.select import KINDS, open_sandbox, start_sandbox


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Opens a sandbox; its kind, and what was told meanwhile."""

    def use(kind: str, **how: object) -> tuple[str, list[str]]:
        told: list[str] = []

        async def body() -> str:
            start = partial(open_sandbox, kind, name="test-select", directory=tmp_path / "ws", on_progress=told.append)
            async with start(**how) as sandbox:
                await sandbox.exec("echo kept > file")
                return sandbox.kind

        return anyio.run(body), told

    return use


@pytest.mark.usefixtures("no_engine")
def test_without_docker_bubblewrap_is_taken_and_that_is_told(opened: Callable[..., tuple[str, list[str]]]) -> None:
    kind, told = opened("auto")
    assert kind == "bubblewrap"
    assert len(told) == 1 and "trying bubblewrap" in told[0] and "Docker" in told[0]


@pytest.mark.usefixtures("no_engine")
def test_an_image_that_was_asked_for_needs_docker(opened: Callable[..., tuple[str, list[str]]]) -> None:
    with pytest.raises(SandboxUnavailable):
        opened("auto", image="python:3")


@pytest.mark.usefixtures("no_engine")
def test_where_neither_works_both_reasons_are_told_and_nothing_runs_without_isolation(
    opened: Callable[..., tuple[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: Path) -> None:
        raise SandboxUnavailable("no user namespaces")

    monkeypatch.setattr(bubblewrap.BubblewrapSandbox, "start", refused)
    with pytest.raises(SandboxUnavailable) as caught:
        opened("auto")
    assert "no user namespaces" in caught.value.message and "Docker" in caught.value.message
    assert "--sandbox local" in caught.value.hint
    assert not (tmp_path / "ws").exists()


def test_an_unknown_kind_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        anyio.run(partial(start_sandbox, "moon", name="x", directory=tmp_path))
    assert all(kind in caught.value.hint for kind in KINDS)


@pytest.mark.parametrize("keep", [True, False])
def test_a_workspace_is_kept_where_that_is_wanted(
    opened: Callable[..., tuple[str, list[str]]], tmp_path: Path, keep: bool
) -> None:
    opened("local", keep=keep)
    assert (tmp_path / "ws" / "repo" / "file").exists() == keep
