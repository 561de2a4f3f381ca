"""The connection to the Docker engine, and its errors as ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agent.errors import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

SESSION_LABEL = "swe-agent.session"
"""On every container and volume; its value is the name."""
OWNER_LABEL = "swe-agent.owner"
"""On every container and volume; its value is `sandbox.docker_owner.owner_label()`."""
HOME_LABEL = "swe-agent.home"
"""On every container and volume; its value is `sandbox.docker_owner.home_label()`."""
_CONNECT_SECONDS = 10  # for the engine to answer at all
_REQUEST_SECONDS = 120
_HINT = "start Docker (`systemctl start docker`), or use --sandbox bubblewrap"
_DEFAULT_SOCKET = "/var/run/docker.sock"
_SYSTEM_PODMAN = "/run/podman/podman.sock"


def connect() -> DockerClient:
    """The engine that the user has chosen, else the first that answers. Raises `SandboxUnavailable`.

    `DOCKER_HOST` or a Docker context is a choice: no other engine is tried. Without one the system's Docker is tried,
    then the user's own, then Podman's services, the user's before the system's.
    """
    tried = []
    for name, options in _candidates():
        problem = _unreachable(options)
        if not problem:
            client, problem = _connect(options)
            if client is not None:
                return client
        tried.append(f"{name}: {problem}")
    raise SandboxUnavailable(f"no Docker engine answers; tried {'; '.join(tried)}", hint=_HINT)


def engine_address(client: DockerClient) -> str:
    """Where an engine is, as `DOCKER_HOST` would name it."""
    address = str(client.api.base_url)
    adapter = getattr(client.api, "_custom_adapter", None)
    path = getattr(adapter, "socket_path", "")
    return f"unix://{path}" if path else address


def is_podman(client: DockerClient) -> bool:
    """Whether the engine is Podman. Raises `DockerException`."""
    version: dict[str, Any] = client.version()
    kind = next((str(each.get("Name", "")) for each in version.get("Components") or []), "")
    return "podman" in kind.lower()


def engine_title(client: DockerClient) -> str:
    """An engine's kind, version and address. Raises `DockerException`."""
    version: dict[str, Any] = client.version()
    rootless = (
        "; rootless" if any("rootless" in str(each) for each in client.info().get("SecurityOptions") or []) else ""
    )
    kind = "Podman" if is_podman(client) else "Docker"
    return f"{kind} {version.get('Version', '')} ({engine_address(client)}{rootless})"


def _candidates() -> list[tuple[str, dict[str, Any]]]:
    """The engines to try, by what names each: options of `DockerClient`, or a `DOCKER_HOST` without any."""
    if host := os.environ.get("DOCKER_HOST"):
        return [("DOCKER_HOST", {"base_url": host} if host.startswith("unix://") else {})]
    context = _context()
    if context is not None:
        return [context]
    sockets = [_DEFAULT_SOCKET]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        sockets += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    return [(path, {"base_url": f"unix://{path}"}) for path in [*sockets, _SYSTEM_PODMAN]]


def _context() -> tuple[str, dict[str, Any]] | None:
    """The Docker context in use, where it is not the default one."""
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name
    from docker.errors import DockerException

    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        return None
    try:
        context = ContextAPI.get_context(name)
    except (DockerException, OSError, ValueError) as error:
        raise SandboxUnavailable(
            f"the Docker context {name} can't be read: {error}", hint="docker context ls"
        ) from error
    if context is None:
        raise SandboxUnavailable(f"there is no Docker context {name}", hint="docker context ls")
    return f"the Docker context {name}", {"base_url": context.Host, "tls": context.TLSConfig or False}


def _unreachable(options: dict[str, Any]) -> str:
    """Why nobody listens at a unix socket; empty where somebody does, and for other addresses.

    Asked before the SDK, which leaves a socket open where it can't connect.
    """
    path = str(options.get("base_url", "")).removeprefix("unix://")
    if not path.startswith("/"):
        return ""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CONNECT_SECONDS)
            probe.connect(path)
    except FileNotFoundError:
        return "there is no such socket"
    except OSError as error:
        return str(error.strerror or error).lower()
    return ""


def _connect(options: dict[str, Any]) -> tuple[DockerClient | None, str]:
    """A client whose engine answers, else what is wrong."""
    import docker
    from docker.errors import DockerException

    try:
        if options:
            client = docker.DockerClient(version="auto", timeout=_CONNECT_SECONDS, **options)
        else:
            client = docker.from_env(timeout=_CONNECT_SECONDS)
    except (DockerException, OSError, ValueError) as error:
        return None, str(error)
    try:
        client.ping()
    except Exception as error:  # the SDK lets errors of its HTTP library through
        client.close()
        return None, str(error)
    client.api.timeout = _REQUEST_SECONDS
    return client, ""


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
