"""What is Docker's own: containers of killed processes are removed, those of living ones are not."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator

import docker
import pytest
from support import eventually

from sandbox.docker import remove_orphans
from sandbox.docker_engine import connect


@pytest.fixture
def engine(docker_engine: None) -> Iterator[docker.DockerClient]:
    client = connect()
    yield client
    client.close()


HOLD = """
import anyio, pathlib, sys
from sandbox.select import open_sandbox
async def main():
    async with open_sandbox("docker", name=sys.argv[1], directory=pathlib.Path("/nowhere")):
        print("ready", flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


def test_the_container_of_a_killed_process_is_removed(engine: docker.DockerClient) -> None:
    name = f"test-{secrets.token_hex(4)}"
    process = subprocess.Popen([sys.executable, "-c", HOLD, name], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    remove_orphans(engine)
    assert engine.containers.list(filters={"name": name}), "it lives: its container stays"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    remove_orphans(engine)
    # another process may be at it, too
    eventually(lambda: not engine.containers.list(all=True, filters={"name": name}, ignore_removed=True))
    engine.volumes.get(f"swe-agent-{name}").remove()
