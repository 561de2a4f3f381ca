"""What the Docker engine or the way to it raises is a sandbox's error, with the engine's own words."""

from __future__ import annotations

import pytest
from docker.errors import APIError, DockerException
from requests.exceptions import ConnectionError as HttpConnectionError

from agent.errors import SandboxError, SandboxLost, SandboxUnavailable
from sandbox.docker_engine import connect, engine_errors


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (APIError("500 Server Error: frame", explanation="no space left"), "no space left"),
        (DockerException("not ours"), "not ours"),
        (HttpConnectionError("connection aborted"), "connection aborted"),
        (BrokenPipeError("broken pipe"), "broken pipe"),
    ],
)
@pytest.mark.parametrize("error_type", [SandboxError, SandboxLost, SandboxUnavailable])
def test_errors_of_the_engine_are_errors_of_the_sandbox(
    error_type: type[SandboxError], raised: Exception, words: str
) -> None:
    with pytest.raises(error_type) as caught, engine_errors(error_type, "it failed"):
        raise raised
    assert type(caught.value) is error_type and caught.value.message == f"it failed: {words}"
    assert caught.value.hint


def test_other_errors_are_let_through() -> None:
    with pytest.raises(ValueError, match="ours"), engine_errors(SandboxLost, "it failed"):
        raise ValueError("ours")


def test_an_address_where_no_engine_answers_is_an_unavailable_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers") as caught:
        connect()
    assert "--sandbox bubblewrap" in caught.value.hint
