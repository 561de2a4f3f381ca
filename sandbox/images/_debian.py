"""A small Debian image made from Debian's packages with `debootstrap`, where no registry can be reached."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SandboxUnavailable

if TYPE_CHECKING:
    import docker

TAG = "swe-agent-debian:bookworm-slim"
"""A name of its own: it is like `debian:bookworm-slim` but is not Debian's image."""

SUITE = "bookworm"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
ENVIRONMENT = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
HINT = "load debian:bookworm-slim with `docker load`, name an image with --image, or use --sandbox bubblewrap"

STAGES = ("retrieving", "extracting", "unpacking", "configuring")

Tell = Callable[[str], None]


def make(client: docker.DockerClient, certificates: bytes, tell: Tell) -> None:
    """Make the image `TAG`, with `certificates` (PEM) as what it trusts.

    `tell` gets a line per stage, and an empty one at times so that it may raise to cancel. Needs root and the
    right to mount. Raises `SandboxUnavailable`, and `docker.errors.DockerException` from the engine.
    """
    if os.geteuid() != 0:
        raise SandboxUnavailable("making an image from Debian's packages needs root", hint=HINT)
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin",
    }
    _get_debootstrap(environment, tell)
    # Not /tmp: it is often mounted without devices, which debootstrap refuses.
    with tempfile.TemporaryDirectory(prefix="swe-agent-debian-", dir="/var/tmp") as scratch:
        root, archive = Path(scratch, "root"), Path(scratch, "root.tar")
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root)]
        if mirror := _mirror("Debian", environment):
            command.append(mirror)
        # Its mounts must not outlive it: the directory is removed afterwards.
        _run(["unshare", "--mount", *command], environment, tell)
        _finish(root, certificates, _mirror("Debian-Security", environment))
        _pack(root, archive)
        tell(f"importing {TAG}")
        repository, _, tag = TAG.partition(":")
        changes = [f"ENV {name}=/{BUNDLE}" for name in ENVIRONMENT]
        client.api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=[*changes, 'CMD ["bash"]']
        )


def _get_debootstrap(environment: dict[str, str], tell: Tell) -> None:
    if shutil.which("debootstrap", path=environment["PATH"]):
        return
    if not shutil.which("apt-get", path=environment["PATH"]):
        raise SandboxUnavailable("making an image from Debian's packages needs debootstrap", hint=HINT)
    tell("installing debootstrap")
    _run(["apt-get", "-qq", "update"], environment, tell)
    packages = ["debootstrap", "debian-archive-keyring"]
    _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages], environment, tell)


def _mirror(label: str, environment: dict[str, str]) -> str:
    """The address this machine gets Debian from, so that its own mirror is used; empty if it is no Debian."""
    try:
        found = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Label: {label}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    addresses = [line for line in found.stdout.split() if line.startswith(("http://", "https://"))]
    return addresses[0] if addresses else ""


def _finish(root: Path, certificates: bytes, security: str) -> None:
    """Certificates, security updates, and what Debian's slim images leave out for good."""
    if certificates:
        (root / BUNDLE).write_bytes(certificates)
    if security:
        with (root / "etc/apt/sources.list").open("a") as sources:
            sources.write(f"deb {security} {SUITE}-security main\n")
    rules = [f"path-exclude /{path}/*" for path in LEFT_OUT if path.startswith("usr/share/")]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("\n".join([*rules, "path-include /usr/share/doc/*/copyright", ""]))


def _pack(root: Path, archive: Path) -> None:
    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = entry.name.removeprefix("./")
        inside = path.startswith(tuple(f"{directory}/" for directory in LEFT_OUT))
        return None if inside and not entry.isdir() and not path.endswith("/copyright") else entry

    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".", filter=keep)


def _run(command: list[str], environment: dict[str, str], tell: Tell) -> None:
    """Run to its end; `tell` hears of each kind of work once ("I: Retrieving …")."""
    printed: deque[str] = deque(maxlen=5)
    told: set[str] = set()
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                printed.append(line.strip())
                mark, _, work = line.partition(": ")
                stage = work.split(" ")[0].lower()
                news = mark == "I" and stage in STAGES and stage not in told
                tell(f"making {TAG}: {stage} packages" if news else "")
                told.add(stage)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        program = next(word for word in command if word in ("apt-get", "debootstrap"))
        raise SandboxUnavailable(f"{program} failed: {' / '.join(printed)}", hint=HINT)
