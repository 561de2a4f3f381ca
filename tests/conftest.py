"""Fixtures: a scripted model server, a small git repository with its issue, each kind of sandbox.

Tests run beside each other in several processes (`scripts/check`, docs/decisions/0019-tests-in-parallel.md). Those that
share a fixture of their module run in one of them, and so do all that run the real model.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from hypothesis import HealthCheck, settings
from support import CALC, ScriptedModel, docker_missing, make_repository

from agent.catalogue.download import on_disk
from agent.catalogue.profiles import find_profile

settings.register_profile(
    "reproducible", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("reproducible")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together, in one process, what shares a server or a fixture that is made once.

    `--dist loadgroup` goes by what follows an `@` in a test's id. The mark `xdist_group` would put it there, but
    pytest-xdist 3.8 writes an attribute that pytest 9.2 no longer reads.
    """
    if not hasattr(config, "workerinput"):  # the tests run in one process
        return
    for item in items:
        if group := _group(item):
            item._id = NodeId.parse(f"{item.nodeid}@{group}")


def _group(item: pytest.Item) -> str:
    if _runs_the_model(item):
        return "real-model"
    shared = isinstance(item, pytest.Function) and _shares_a_fixture(item)
    return item.nodeid.partition("::")[0] if shared else ""


def _runs_the_model(item: pytest.Item) -> bool:
    return "real_model" in getattr(item, "fixturenames", ())


def _shares_a_fixture(item: pytest.Function) -> bool:
    known = item._fixtureinfo.name2fixturedefs.values()
    return any(each.scope == "module" for definitions in known for each in definitions)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give the real model half of the processors: its threads wait for each other, and stall where one is not run."""
    if not _runs_the_model(item) or not hasattr(os, "sched_setaffinity"):
        return (yield)
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[: max(1, len(all_of_them) // 2)])
    try:
        return (yield)
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that the user has configured, and a home that no other process of the tests has."""
    place = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patched:
        for name in list(os.environ):
            if name.startswith(("SWE_AGENT_", "OPENAI_")):
                patched.delenv(name)
        patched.setenv("SWE_AGENT_HOME", str(place / "data"))
        patched.setenv("XDG_CONFIG_HOME", str(place / "config"))
        yield


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The file of the smallest real model. Whatever runs it uses this fixture."""
    path = on_disk(find_profile("qwen2.5-coder-0.5b"))
    if path is None:
        pytest.fail("the real model is missing: run `swe-agent models pull qwen2.5-coder-0.5b`")
    return path


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


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """A Docker engine that answers; where none does, the test is skipped, which in CI is a failure."""
    if reason := docker_missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(params=["docker", "bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of isolated sandbox; Docker only where an engine answers, which CI has."""
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
    return str(request.param)
