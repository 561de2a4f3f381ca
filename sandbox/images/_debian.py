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
"""Its own name, since it is like `debian:bookworm-slim` but is not Debian's image."""

SUITE = "bookworm"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
ENVIRONMENT = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
EXCLUDED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
)
HINT = "load debian:bookworm-slim with `docker load`, name an image with --image, or use --sandbox bubblewrap"

_STAGES = (  # of debootstrap, as it prints them
    "retrieving",
    "extracting",
    "unpacking",
    "configuring",
)

OnProgress = Callable[[str], None]


def make(client: docker.DockerClient, certificates: bytes, report: OnProgress) -> None:
    """Make the image `TAG`, which trusts `certificates` (PEM).

    `report` gets a line per stage, and an empty line at times, so that it may raise to cancel. Needs root and the
    right to mount. Raises `SandboxUnavailable`, and `docker.errors.DockerException` from the engine.
    """
    if os.geteuid() != 0:
        raise SandboxUnavailable("making an image from Debian's packages needs root", hint=HINT)
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin",
    }
    _install_debootstrap(environment, report)
    # Not /tmp: it is often mounted without devices, which debootstrap refuses.
    with tempfile.TemporaryDirectory(prefix="swe-agent-debian-", dir="/var/tmp") as scratch:
        root, archive = Path(scratch, "root"), Path(scratch, "root.tar")
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root)]
        if mirror := _mirror("Debian", environment):
            command.append(mirror)
        # Its mounts must not outlive it: the directory is removed afterwards.
        _run(["unshare", "--mount", *command], environment, report)
        _configure(root, certificates, _mirror("Debian-Security", environment))
        _pack(root, archive)
        report(f"importing {TAG}")
        repository, _, tag = TAG.partition(":")
        changes = [f"ENV {name}=/{BUNDLE}" for name in ENVIRONMENT]
        client.api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=[*changes, 'CMD ["bash"]']
        )


def _install_debootstrap(environment: dict[str, str], report: OnProgress) -> None:
    if shutil.which("debootstrap", path=environment["PATH"]):
        return
    if not shutil.which("apt-get", path=environment["PATH"]):
        raise SandboxUnavailable("making an image from Debian's packages needs debootstrap", hint=HINT)
    report("installing debootstrap")
    _run(["apt-get", "-qq", "update"], environment, report)
    packages = ["debootstrap", "debian-archive-keyring"]
    _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages], environment, report)


def _mirror(label: str, environment: dict[str, str]) -> str:
    """The URL of the Debian mirror that this machine uses; empty if it is not a Debian."""
    try:
        listed = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Label: {label}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    addresses = [line for line in listed.stdout.split() if line.startswith(("http://", "https://"))]
    return addresses[0] if addresses else ""


def _configure(root: Path, certificates: bytes, security: str) -> None:
    """Install the certificates, add security updates, and exclude what Debian's slim images exclude."""
    if certificates:
        (root / BUNDLE).write_bytes(certificates)
    if security:
        with (root / "etc/apt/sources.list").open("a") as sources:
            sources.write(f"deb {security} {SUITE}-security main\n")
    rules = [f"path-exclude /{path}/*" for path in EXCLUDED if path.startswith("usr/share/")]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("\n".join([*rules, "path-include /usr/share/doc/*/copyright", ""]))


def _pack(root: Path, archive: Path) -> None:
    """Write the tree `root` as a tar file, without what is excluded."""

    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = entry.name.removeprefix("./")
        inside = path.startswith(tuple(f"{directory}/" for directory in EXCLUDED))
        return None if inside and not entry.isdir() and not path.endswith("/copyright") else entry

    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".", filter=keep)


def _run(command: list[str], environment: dict[str, str], report: OnProgress) -> None:
    """Run a command to its end, reporting each stage once (a line such as "I: Retrieving …").

    Raises `SandboxUnavailable` when it fails.
    """
    printed: deque[str] = deque(maxlen=5)
    reported: set[str] = set()
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
                is_new = mark == "I" and stage in _STAGES and stage not in reported
                report(f"making {TAG}: {stage} packages" if is_new else "")
                reported.add(stage)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        program = next(word for word in command if word in ("apt-get", "debootstrap"))
        raise SandboxUnavailable(f"{program} failed: {' / '.join(printed)}", hint=HINT)
