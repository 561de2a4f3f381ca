"""Fixtures: a scripted model server, a small git repository with its issue, each kind of sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import CALC, ScriptedModel, docker_missing, make_repository


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    """A scripted model's server."""
    model = ScriptedModel()
    yield model
    model.close()


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    """A repository whose `add` subtracts, and whose tests show it."""
    return make_repository(tmp_path / "calc", CALC)


@pytest.fixture
def issue_file(tmp_path: Path) -> Path:
    """An issue for `calc`."""
    place = tmp_path / "issue.md"
    place.write_text("# add gives wrong sums\n\n`add(2, 3)` gives -1 instead of 5.\n")
    return place


@pytest.fixture(params=["docker", "bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of isolated sandbox; Docker only where an engine answers, which CI has."""
    if request.param == "docker" and (reason := docker_missing()):
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(request.param)
