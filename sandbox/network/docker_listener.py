"""A listening socket inside a container of an engine on this machine: opened by a helper container, and handed over.

The helper shares the network namespace of the sandbox's container and nothing else with it; it ends at once. The socket
comes over a unix socket in a directory of the host that only the helper sees.
"""

from __future__ import annotations

import importlib.resources
import secrets
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SandboxUnavailable
from sandbox.docker_engine import engine_words
from sandbox.docker_owner import labels
from sandbox.network.listener import receive_listener

if TYPE_CHECKING:
    from docker.models.containers import Container

_NOBODY = "65534:65534"
_DIRECTORY = "/handover"
_MEMORY_BYTES = 256 << 20


def listen_in_container(container: Container, image: str, port: int) -> socket.socket:
    """A socket on 127.0.0.1 in a container's network namespace. Raises `SandboxUnavailable`.

    `image` has to have `python3`.
    """
    with tempfile.TemporaryDirectory(prefix="swe-agent-") as place, socket.socket(socket.AF_UNIX) as handover:
        directory = Path(place)
        path = directory / secrets.token_hex(16)
        handover.bind(str(path))
        handover.listen(1)
        # the helper's user may be any of the host's: it has to know the name
        directory.chmod(0o711)
        path.chmod(0o666)
        _run_helper(
            container, image, ["python3", "-I", "-S", "-c", _program(), str(port), f"{_DIRECTORY}/{path.name}"], place
        )
        handover.settimeout(1.0)  # it has ended, so what it sent is there
        try:
            connection, _ = handover.accept()
        except OSError as error:
            raise SandboxUnavailable("docker: --allow-host needs an engine on this machine") from error
        with connection:
            listener = receive_listener(connection)
    if listener is None:
        raise SandboxUnavailable("docker: --allow-host needs an engine on this machine")
    return listener


def _program() -> str:
    return importlib.resources.files(__package__).joinpath("hand_over.py").read_text("utf-8")


def _run_helper(container: Container, image: str, command: list[str], place: str) -> None:
    """Run a command in the network namespace of a container until it ends. Raises `SandboxUnavailable`."""
    from docker.errors import DockerException

    client = container.client
    assert client is not None
    name = f"{container.name}-network"
    try:
        client.containers.run(
            image,
            command,
            name=f"{name}-{secrets.token_hex(4)}",
            labels=labels(str(container.name)),
            entrypoint="",
            network_mode=f"container:{container.id}",
            user=_NOBODY,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            read_only=True,
            pids_limit=16,
            mem_limit=_MEMORY_BYTES,
            volumes={place: {"bind": _DIRECTORY, "mode": "ro"}},
            remove=True,
        )
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(
            f"docker: the sandbox's network can't be entered: {_last_line(error)}",
            hint="--allow-host needs an engine on this machine, and python3 in the image; or --sandbox bubblewrap",
        ) from error


def _last_line(error: Exception) -> str:
    said = getattr(error, "stderr", None)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else engine_words(error)
    return text.strip().rpartition("\n")[2][:300]
