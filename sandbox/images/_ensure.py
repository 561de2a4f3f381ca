"""Making sure that an image exists: found locally, pulled, or built from the packaged Dockerfile."""

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
"""How long a registry may take to answer before it counts as unreachable."""

PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
HOST_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")

_HINT = "check `docker info` and the image's name"
_build_lock = threading.Lock()


async def ensure_image(client: docker.DockerClient, image: str | None, on_progress: Callable[[str], None]) -> str:
    """Make sure that the engine has an image, and return its tag. Raises `SandboxUnavailable`.

    A named `image` is searched locally, then pulled. None is the project's own: built from the packaged Dockerfile on
    Debian's image or, if no registry can be reached, on one made from Debian's packages (which needs root). Its tag
    contains a hash of the Dockerfile, so each version is built once. `on_progress` is called on the caller's event
    loop with one line per stage. When the call is cancelled, a build or pull that the engine has begun may go on.
    """

    def report(line: str) -> None:
        anyio.from_thread.check_cancelled()
        if line:
            anyio.from_thread.run_sync(on_progress, line)

    def work() -> str:
        with engine_errors(SandboxUnavailable, "the Docker engine can't provide the image", hint=_HINT):
            if image is None:
                return _own_image(client, report)
            return _named_image(client, image, report)

    return await anyio.to_thread.run_sync(work)


def host_certificates() -> bytes:
    """The certificates that this machine trusts, as PEM; empty if they are not in a file."""
    named = (os.environ.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    for path in (*named, ssl.get_default_verify_paths().cafile, *HOST_BUNDLES):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return b""


def _named_image(client: docker.DockerClient, image: str, report: Callable[[str], None]) -> str:
    if _is_local(client, image):
        return image
    reason = _pull(client, image, report)
    if reason is None:
        return image
    raise SandboxUnavailable(
        f"the container image {image} is not on this machine and can't be pulled: {reason}",
        hint="check its name and the network, load it with `docker load`, or leave --image out",
    )


def _own_image(client: docker.DockerClient, report: Callable[[str], None]) -> str:
    recipe = files("sandbox.images").joinpath("Dockerfile").read_bytes()
    tag = f"swe-agent-base:{hashlib.sha256(recipe).hexdigest()[:12]}"
    if _is_local(client, tag):
        return tag
    while not _build_lock.acquire(timeout=0.2):
        report("")
    try:
        if not _is_local(client, tag):
            _build(client, tag, recipe, _base_image(client, report), report)
    finally:
        _build_lock.release()
    return tag


def _base_image(client: docker.DockerClient, report: Callable[[str], None]) -> str:
    for local in (DEBIAN, _debian.TAG):
        if _is_local(client, local):
            return local
    reason = _pull(client, DEBIAN, report)
    if reason is None:
        return DEBIAN
    report(f"{DEBIAN} can't be pulled ({reason}); making it from Debian's packages")
    _debian.make(client, host_certificates(), report)
    return _debian.TAG


def _is_local(client: docker.DockerClient, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, image: str, report: Callable[[str], None]) -> str | None:
    """Pull an image; returns None if it worked, else the reason. The registry has `REGISTRY_SECONDS` to answer at all.

    The engine retries for minutes and the SDK sets no limit, so a separate thread waits for it.
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

    report(f"pulling {image}")
    threading.Thread(target=listen, daemon=True, name="image-pull").start()
    deadline: float | None = time.monotonic() + REGISTRY_SECONDS
    while True:
        try:
            event = events.get(timeout=0.2)
        except queue.Empty:
            report("")
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
        report(f"{image}: {event['id']} pulled" if event.get("status") == "Pull complete" else "")


def _build(client: docker.DockerClient, tag: str, recipe: bytes, base: str, report: Callable[[str], None]) -> None:
    report(f"building {tag}")
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
                f"the project's own image can't be built:\n{_last_lines(printed) or event['error']}\n",
                hint="its packages come from Debian: check network and proxy, or name an image with --image",
            )
        report(f"building {tag}: {text.partition(' && ')[0].strip()[:80]}" if text.startswith("Step ") else "")


def _last_lines(printed: str) -> str:
    """The last five lines of a build's output that are not blank or noise, without terminal colours."""
    lines = (line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines())
    return "\n".join([line for line in lines if line and not line.startswith("Removing intermediate")][-5:])
