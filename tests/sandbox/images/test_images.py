"""The project's own base image, and named ones, at a real Docker engine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import anyio
import docker
import pytest

from agent.errors import SandboxUnavailable
from sandbox.images import _ensure, ensure_image


@pytest.fixture(scope="module")
def engine(docker_engine: None) -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=600)
    yield client
    client.close()


@pytest.fixture(scope="module")
def base(engine: docker.DockerClient) -> str:
    return anyio.run(ensure_image, engine, None, lambda line: None)


def run(engine: docker.DockerClient, image: str, command: str) -> str:
    """What the command prints in a container of the image without network; fails the test when it fails."""
    output = engine.containers.run(image, ["bash", "-c", command], network_mode="none", remove=True)
    return output.decode()


def test_own_image_is_there_under_the_hash_of_its_recipe(engine: docker.DockerClient, base: str) -> None:
    name, _, digest = base.partition(":")
    assert name == "swe-agent-base"
    assert len(digest) == 12
    assert int(digest, 16) >= 0
    assert base in engine.images.get(base).tags


def test_commands_run_as_an_ordinary_user_who_owns_the_workspace(engine: docker.DockerClient, base: str) -> None:
    assert run(engine, base, "id -u; id -un; pwd; stat -c %U .; touch here && echo writable").split() == [
        "1000",
        "agent",
        "/workspace",
        "agent",
        "writable",
    ]


@pytest.mark.parametrize(
    "program",
    ["bash", "git", "make", "patch", "pip", "pytest", "python", "python3", "rg"],
)
def test_program_runs_without_network(engine: docker.DockerClient, base: str, program: str) -> None:
    assert run(engine, base, f"{program} --version").strip()


def test_a_virtual_environment_and_a_test_run_need_no_network(engine: docker.DockerClient, base: str) -> None:
    script = """
        python3 -m venv /tmp/env && /tmp/env/bin/pip --version >/dev/null
        mkdir t && echo 'def test_it(): assert 1 + 1 == 2' >t/test_it.py && pytest -q t
    """
    assert "1 passed" in run(engine, base, script)


def test_the_image_trusts_certificates_through_every_usual_variable(engine: docker.DockerClient, base: str) -> None:
    script = """
        for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS; do
            grep -c 'BEGIN CERTIFICATE' "${!name}"
        done
    """
    counts = [int(line) for line in run(engine, base, script).split()]
    assert len(counts) == 4
    assert min(counts) > 0


def test_second_call_does_nothing(engine: docker.DockerClient, base: str) -> None:
    before = engine.images.get(base).id
    lines: list[str] = []
    assert anyio.run(ensure_image, engine, None, lines.append) == base
    assert lines == []
    assert engine.images.get(base).id == before


def test_concurrent_calls_agree(engine: docker.DockerClient, base: str) -> None:
    found: list[str] = []

    async def one() -> None:
        found.append(await ensure_image(engine, None, lambda line: None))

    async def three() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one)

    anyio.run(three)
    assert found == [base] * 3


def test_a_named_local_image_is_taken_as_it_is(engine: docker.DockerClient, base: str) -> None:
    assert anyio.run(ensure_image, engine, base, lambda line: None) == base


def test_unknown_image_says_what_to_do(engine: docker.DockerClient) -> None:
    name = "swe-agent-no-such-image:1"
    with pytest.raises(SandboxUnavailable) as caught:
        anyio.run(ensure_image, engine, name, lambda line: None)
    assert name in caught.value.message
    assert "docker load" in caught.value.hint


def test_a_name_that_is_none_is_refused(engine: docker.DockerClient) -> None:
    with pytest.raises(SandboxUnavailable):
        anyio.run(ensure_image, engine, "Not A Name", lambda line: None)


def test_a_registry_that_never_answers_is_given_up(
    engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ensure, "REGISTRY_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        name = f"127.0.0.1:{silent.getsockname()[1]}/image:1"
        with pytest.raises(SandboxUnavailable) as caught:
            anyio.run(ensure_image, engine, name, lambda line: None)
    assert name in caught.value.message and "did not answer within" in str(caught.value)


def test_waiting_for_a_registry_can_be_cancelled(engine: docker.DockerClient) -> None:
    """The registry is asked, and answers nothing before it is all over."""

    async def give_up(registry: socket.socket) -> bool:
        with anyio.CancelScope() as scope:

            async def cancel_when_asked() -> None:
                await anyio.wait_readable(registry)
                scope.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(cancel_when_asked)
                await ensure_image(engine, f"127.0.0.1:{registry.getsockname()[1]}/image:1", lambda line: None)
        return scope.cancelled_caught

    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert anyio.run(give_up, silent)


def test_an_engine_that_went_away_is_an_unavailable_sandbox() -> None:
    client = docker.DockerClient(base_url="tcp://127.0.0.1:9", version="1.41", timeout=5)
    with pytest.raises(SandboxUnavailable) as caught:
        anyio.run(ensure_image, client, None, lambda line: None)
    client.close()
    assert "Docker engine" in caught.value.message
