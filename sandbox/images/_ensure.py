"""Makes sure an image is there: found locally, pulled, or built from the packaged Dockerfile."""

from __future__ import annotations

import hashlib
import io
import os
import queue
import re
import ssl
import tarfile
import threading
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.from_thread
import anyio.to_thread

from agent.errors import SandboxUnavailable
from sandbox.docker_engine import engine_errors, engine_words
from sandbox.images import _debian

if TYPE_CHECKING:
    import docker

DEBIAN = "debian:bookworm-slim"
REGISTRY_SECONDS = 10.0
"""How long a registry may take to its first answer before it counts as out of reach."""

PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
HOST_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")

_HINT = "check `docker info` and the image's name"
_one_at_a_time = threading.Lock()


async def ensure_image(client: docker.DockerClient, image: str | None, on_progress: Callable[[str], None]) -> str:
    """The tag of an image that exists at the engine.

    A named `image` is looked for locally, then pulled. None means the project's own: built from the packaged
    Dockerfile on Debian's image, or, where no registry can be reached, on one made from Debian's packages
    (needs root). Its tag holds the Dockerfile's hash, so it is built once per version of it. `on_progress` is
    called on the caller's event loop with one line per stage. Can be cancelled (a build or pull the engine
    has begun may go on by itself). Raises `SandboxUnavailable`.
    """

    def tell(line: str) -> None:
        anyio.from_thread.check_cancelled()
        if line:
            anyio.from_thread.run_sync(on_progress, line)

    def work() -> str:
        with engine_errors(SandboxUnavailable, "the Docker engine can't provide the image", hint=_HINT):
            if image is None:
                return _own(client, tell)
            return _named(client, image, tell)

    return await anyio.to_thread.run_sync(work)


def host_certificates() -> bytes:
    """The certificates this machine trusts, as PEM; empty when they are not kept in a file."""
    named = (os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    for path in (*named, ssl.get_default_verify_paths().cafile, *HOST_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return b""


def _named(client: docker.DockerClient, image: str, tell: Callable[[str], None]) -> str:
    if _is_local(client, image):
        return image
    why = _pull(client, image, tell)
    if why is None:
        return image
    raise SandboxUnavailable(
        f"the container image {image} is not on this machine and can't be pulled: {why}",
        hint="check its name and the network, load it with `docker load`, or leave --image out",
    )


def _own(client: docker.DockerClient, tell: Callable[[str], None]) -> str:
    recipe = files("sandbox.images").joinpath("Dockerfile").read_bytes()
    tag = f"swe-agent-base:{hashlib.sha256(recipe).hexdigest()[:12]}"
    if _is_local(client, tag):
        return tag
    while not _one_at_a_time.acquire(timeout=0.2):
        tell("")
    try:
        if not _is_local(client, tag):
            _build(client, tag, recipe, _base(client, tell), tell)
    finally:
        _one_at_a_time.release()
    return tag


def _base(client: docker.DockerClient, tell: Callable[[str], None]) -> str:
    for local in (DEBIAN, _debian.TAG):
        if _is_local(client, local):
            return local
    why = _pull(client, DEBIAN, tell)
    if why is None:
        return DEBIAN
    tell(f"{DEBIAN} can't be pulled ({why}); making it from Debian's packages")
    _debian.make(client, host_certificates(), tell)
    return _debian.TAG


def _is_local(client: docker.DockerClient, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, image: str, tell: Callable[[str], None]) -> str | None:
    """Pull; None when it worked, else why it did not. The registry has `REGISTRY_SECONDS` to answer at all.

    The engine keeps trying for minutes and the SDK sets no limit, so a thread of its own waits for it.
    """
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    events: queue.SimpleQueue[dict[str, Any] | Exception | None] = queue.SimpleQueue()

    def listen() -> None:
        try:
            for event in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                events.put(event)
            events.put(None)
        except Exception as error:
            events.put(error)

    tell(f"pulling {image}")
    threading.Thread(target=listen, daemon=True, name="image-pull").start()
    deadline: float | None = time.monotonic() + REGISTRY_SECONDS
    while True:
        try:
            event = events.get(timeout=0.2)
        except queue.Empty:
            tell("")
            if deadline is not None and time.monotonic() > deadline:
                return f"the registry did not answer within {REGISTRY_SECONDS:.0f} s"
            continue
        deadline = None
        if event is None:
            return None
        if isinstance(event, Exception):
            return engine_words(event)
        if "error" in event:
            return str(event["error"])
        tell(f"{image}: {event['id']} pulled" if event.get("status") == "Pull complete" else "")


def _build(client: docker.DockerClient, tag: str, recipe: bytes, base: str, tell: Callable[[str], None]) -> None:
    tell(f"building {tag}")
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in (("Dockerfile", recipe), ("host-ca.crt", host_certificates())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    arguments = {"BASE": base}
    for name in PROXY_VARIABLES:
        if value := os.environ.get(name) or os.environ.get(name.upper()):
            arguments |= {name: value, name.upper(): value}
    events = client.api.build(
        fileobj=context,
        custom_context=True,
        tag=tag,
        buildargs=arguments,
        rm=True,
        forcerm=True,
        decode=True,
    )
    printed = ""
    for event in events:
        text = str(event.get("stream", ""))
        printed = (printed + text)[-4000:]
        if "error" in event:
            raise SandboxUnavailable(
                f"the project's own image can't be built:\n{_last_words(printed) or event['error']}\n",
                hint="its packages come from Debian: check network and proxy, or name an image with --image",
            )
        tell(f"building {tag}: {text.partition(' && ')[0].strip()[:80]}" if text.startswith("Step ") else "")


def _last_words(printed: str) -> str:
    """The last lines of a build's output that say something, without terminal colours."""
    lines = (line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines())
    return "\n".join([line for line in lines if line and not line.startswith("Removing intermediate")][-5:])
