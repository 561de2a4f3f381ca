"""Reading and writing files of the sandbox, from inside it."""

from __future__ import annotations

import difflib
import shlex
from pathlib import PurePosixPath

from sandbox.protocol import Sandbox
from tools.base import ToolContext, ToolError

MAX_BYTES = 8 << 20
_LISTED = 20_000


class Absent(ToolError):
    """There is nothing at a path."""


class IsDirectory(ToolError):
    """There is a directory at a path."""


async def read_bytes(sandbox: Sandbox, place: PurePosixPath) -> bytes:
    """The bytes of a file. Raises `ToolError` when it is absent, no file, or larger than 8 MiB."""
    name = shlex.quote(str(place))
    command = (
        f"if [ -d {name} ]; then exit 91; elif [ ! -e {name} ]; then exit 92; "
        f"elif [ ! -f {name} ]; then exit 93; else exec head -c {MAX_BYTES + 1} -- {name}; fi"
    )
    result = await sandbox.exec(command, timeout=60, capture=2 * MAX_BYTES + 2)
    if result.exit_code == 91:
        raise IsDirectory(f"{place} is a directory")
    if result.exit_code == 92:
        raise Absent(f"{place} does not exist")
    if not result.ok:
        why = "is not a regular file" if result.exit_code == 93 else f"cannot be read: {result.output.text().strip()}"
        raise ToolError(f"{place} {why}")
    if result.output.total > MAX_BYTES:
        raise ToolError(f"{place} is larger than {MAX_BYTES} bytes; look at parts of it with the shell")
    return result.output.whole


async def read_text(sandbox: Sandbox, place: PurePosixPath) -> str:
    """The text of a file, UTF-8, bytes that are not kept as surrogates so that writing gives them back."""
    data = await read_bytes(sandbox, place)
    if b"\0" in data[:8192]:
        raise ToolError(f"{place} is a binary file ({len(data)} bytes)")
    return data.decode("utf-8", "surrogateescape")


async def read_known(context: ToolContext, place: PurePosixPath) -> str:
    """`read_text`, which for a file that is absent says what else may have been meant."""
    try:
        return await read_text(context.sandbox, place)
    except Absent:
        close = await similar(context, place)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    raise Absent(f"{context.display_path(place)} does not exist.{meant}")


async def similar(context: ToolContext, place: PurePosixPath, most: int = 3) -> list[str]:
    """Files of the repository whose paths are like one that does not exist: those of the same name first."""
    skipped = " -o ".join(f"-name {name}" for name in (".git", "node_modules", "__pycache__", ".venv", ".tox"))
    command = f"find . \\( {skipped} \\) -prune -o -type f -print 2>/dev/null | head -n {_LISTED}"
    result = await context.sandbox.exec(command, timeout=30, capture=4 << 20)
    paths = [line.removeprefix("./") for line in result.output.text().splitlines() if line.startswith("./")]
    wanted = context.display_path(place)
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(path.rpartition("/")[2].lower(), []).append(path)
    names = difflib.get_close_matches(place.name.lower(), by_name, most, 0.75)
    close = [path for name in names for path in sorted(by_name[name], key=lambda path: _unlike(path, wanted))]
    return close[:most]


def _unlike(path: str, wanted: str) -> tuple[int, str]:
    """How many directories two paths do not share, for sorting."""
    return len(set(path.split("/")) ^ set(wanted.split("/"))), path


async def write_bytes(sandbox: Sandbox, place: PurePosixPath, data: bytes) -> None:
    """Write a file whole, with its directories; mode and links are kept. Raises `ToolError`."""
    name, parent = shlex.quote(str(place)), shlex.quote(str(place.parent))
    result = await sandbox.exec(f"mkdir -p -- {parent} && cat > {name}", stdin=data, timeout=60)
    if not result.ok:
        raise ToolError(f"{place} can't be written: {result.output.text().strip()}")


async def write_text(sandbox: Sandbox, place: PurePosixPath, text: str) -> None:
    """`write_bytes` for what `read_text` gave."""
    await write_bytes(sandbox, place, text.encode("utf-8", "surrogateescape"))
