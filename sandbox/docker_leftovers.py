"""What sessions left in the Docker engine: their volumes, and the containers of processes that were killed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.errors import SandboxError
from sandbox.docker_engine import (
    HOME_LABEL,
    OWNER_LABEL,
    SESSION_LABEL,
    connect,
    engine_errors,
    engine_title,
)
from sandbox.docker_owner import home_label, owner_is_gone, owner_is_here

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.volumes import Volume


@dataclass(frozen=True)
class Resource:
    """A container or volume: what it takes on disk, in bytes, and whose it is.

    `owner` is whether the process that made it lives (`unknown` for one of another boot or machine); `ours` is whether
    it was made for this machine's sessions of this home, which those of earlier versions don't say.
    """

    kind: Literal["container", "volume"]
    name: str
    bytes: int
    owner: Literal["lives", "gone", "unknown"]
    ours: bool


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

    def resources(self) -> list[Resource]:
        """Every container and volume of sessions, of whichever home, by name."""
        with engine_errors(SandboxError, "docker: what sessions left can't be listed"):
            containers = self._client.containers.list(all=True, filters={"label": SESSION_LABEL}, ignore_removed=True)
            volumes = self._client.volumes.list(filters={"label": SESSION_LABEL})
        sizes = self.volumes() if volumes else {}
        found = [_resource("container", each.name or "", 0, each.labels) for each in containers]
        for volume in volumes:
            name = volume.name or ""
            found.append(_resource("volume", name, sizes.get(name, 0), volume.attrs.get("Labels") or {}))
        return sorted(found, key=lambda each: (each.name, each.kind))

    def remove_resource(self, resource: Resource) -> None:
        """Remove one container or volume, if it is still there."""
        from docker.errors import NotFound

        collection = self._client.containers if resource.kind == "container" else self._client.volumes
        with engine_errors(SandboxError, f"docker: {resource.name} can't be removed"), suppress(NotFound):
            collection.get(resource.name).remove(force=True)

    def engine(self) -> str:
        """The engine's kind, version and address."""
        with engine_errors(SandboxError, "docker: the engine does not say what it is"):
            return engine_title(self._client)

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


def _resource(kind: Literal["container", "volume"], name: str, size: int, labels: Mapping[str, str]) -> Resource:
    label = labels.get(OWNER_LABEL, "")
    owner: Literal["lives", "gone", "unknown"] = "unknown"
    if owner_is_gone(label):
        owner = "gone"
    elif owner_is_here(label):
        owner = "lives"
    return Resource(kind, name, size, owner, labels.get(HOME_LABEL) == home_label())


def belongs_to(name: str, session_id: str) -> bool:
    """Whether a container or volume of this name is a session's, or that of a copy of its workspace."""
    return re.fullmatch(rf"swe-agent-{re.escape(session_id)}(-clean|-fresh-[0-9a-f]+(-repo|-home)?)*", name) is not None
