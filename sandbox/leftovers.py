"""What a session left in the Docker engine: its volumes, and the containers of a process that was killed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import SandboxError
from sandbox.docker import LABEL, connect

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.volumes import Volume


class Leftovers:
    """Those of all sessions in one engine. Every method raises `SandboxError` when the engine refuses."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def volumes(self) -> dict[str, int]:
        """Bytes by name of every session's volume; 0 where the engine doesn't tell them."""
        with _told():
            names = {volume.name or "" for volume in self._client.volumes.list(filters={"label": LABEL})}
            if not names:
                return {}
            known = self._client.df().get("Volumes") or []
        sizes = {each["Name"]: int((each.get("UsageData") or {}).get("Size") or 0) for each in known}
        return {name: max(sizes.get(name, 0), 0) for name in sorted(names)}

    def remove(self, name: str) -> None:
        """Remove the containers and volumes of the session `name`, those of its copies, too."""
        from docker.errors import NotFound

        with _told():
            containers = self._client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
            volumes = self._client.volumes.list(filters={"label": LABEL})
            things: list[Container | Volume] = [*containers, *volumes]
            for thing in things:
                if belongs(thing.name or "", name):
                    with suppress(NotFound):  # another has removed it
                        thing.remove(force=True)


@contextmanager
def open_leftovers() -> Iterator[Leftovers]:
    """The engine's, while the context lasts. Raises `SandboxUnavailable` where no engine answers."""
    client = connect()
    try:
        yield Leftovers(client)
    finally:
        client.close()


def belongs(thing: str, session: str) -> bool:
    """Whether a container or volume is a session's own, or of one of its copies."""
    return re.fullmatch(rf"swe-agent-{re.escape(session)}(-clean)*", thing) is not None


@contextmanager
def _told() -> Iterator[None]:
    """The engine's errors as ours."""
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, OSError) as error:
        raise SandboxError(f"docker: {error}") from error
