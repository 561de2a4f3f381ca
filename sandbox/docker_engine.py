"""The connection to the Docker engine, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.errors import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

SESSION_LABEL = "swe-agent.session"
"""On every container and volume; its value is the name."""
OWNER_LABEL = "swe-agent.owner"
"""On every container; its value is `sandbox.docker_owner.owner_label()`."""
_CONNECT_SECONDS = 10  # for the engine to answer at all
_REQUEST_SECONDS = 120
_HINT = "start Docker (`systemctl start docker`), or use --sandbox bubblewrap"


def connect() -> DockerClient:
    """The engine that `DOCKER_HOST` or the default socket names. Raises `SandboxUnavailable`."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=_CONNECT_SECONDS)
    except DockerException as error:
        raise SandboxUnavailable(f"no Docker engine answers: {error}", hint=_HINT) from error
    try:
        client.ping()
    except Exception as error:  # the SDK lets errors of its HTTP library through
        client.close()
        raise SandboxUnavailable(f"no Docker engine answers: {error}", hint=_HINT) from error
    client.api.timeout = _REQUEST_SECONDS
    return client


@contextmanager
def engine_errors(error_type: type[SandboxError], message: str, *, hint: str = "check `docker info`") -> Iterator[None]:
    """Raise what the engine or the connection to it raises as `error_type`: `message`, then the engine's own words."""
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, OSError) as error:  # the SDK lets errors of its HTTP library through, which are OSErrors
        raise error_type(f"{message}: {engine_words(error)}", hint=hint) from error


def engine_words(error: Exception) -> str:
    """What the engine said, without the SDK's frame around it."""
    return str(getattr(error, "explanation", None) or error)
