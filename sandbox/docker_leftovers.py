"""What sessions left in the Docker engine: their volumes, and the containers of processes that were killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import SandboxError
from sandbox.docker_engine import SESSION_LABEL, connect, engine_errors

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.volumes import Volume


class Leftovers:
    """The containers and volumes of all sessions in one engine. Methods raise `SandboxError` if the engine refuses."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def volumes(self) -> dict[str, int]:
        """Every session's volumes by name, with their sizes in bytes; 0 where the engine does not know it."""
        with engine_errors(SandboxError, "docker: the volumes can't be listed"):
            names = {volume.name or "" for volume in self._client.volumes.list(filters={"label": SESSION_LABEL})}
            if not names:
                return {}
            known = self._client.df().get("Volumes") or []
        sizes = {each["Name"]: int((each.get("UsageData") or {}).get("Size") or 0) for each in known}
        return {name: max(sizes.get(name, 0), 0) for name in sorted(names)}

    def remove(self, session_id: str) -> None:
        """Remove the containers and volumes of a session and of its workspaces' copies."""
        from docker.errors import NotFound

        with engine_errors(SandboxError, f"docker: what is left of {session_id} can't be removed"):
            containers = self._client.containers.list(all=True, filters={"label": SESSION_LABEL}, ignore_removed=True)
            volumes = self._client.volumes.list(filters={"label": SESSION_LABEL})
            resources: list[Container | Volume] = [*containers, *volumes]
            for resource in resources:
                if belongs_to(resource.name or "", session_id):
                    with suppress(NotFound):  # another process has removed it
                        resource.remove(force=True)


@contextmanager
def open_leftovers() -> Iterator[Leftovers]:
    """The leftovers in the engine, connected while the context lasts. Raises `SandboxUnavailable` without an engine."""
    client = connect()
    try:
        yield Leftovers(client)
    finally:
        client.close()


def belongs_to(name: str, session_id: str) -> bool:
    """Whether a container or volume of this name is a session's, or that of a copy of its workspace."""
    return re.fullmatch(rf"swe-agent-{re.escape(session_id)}(-clean|-fresh-[0-9a-f]+(-repo|-home)?)*", name) is not None
