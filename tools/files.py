"""Reading and writing files of the sandbox, from inside it."""

from __future__ import annotations

import difflib
import shlex
from pathlib import PurePosixPath

from sandbox.protocol import Sandbox
from tools.base import ToolContext, ToolError

MAX_BYTES = 8 << 20
"""A larger file is not read."""
_MAX_LISTED = 20_000  # files among which similar paths are searched
_MIN_SIMILARITY = 0.75  # of file names, as difflib's ratio from 0 to 1
_DIRECTORY, _ABSENT, _IRREGULAR = 91, 92, 93  # exit codes of the command that reads a file


class FileAbsent(ToolError):
    """Nothing exists at a path."""


class IsDirectory(ToolError):
    """A path is that of a directory."""


async def read_bytes(sandbox: Sandbox, path: PurePosixPath) -> bytes:
    """The bytes of a file. Raises `ToolError` if it is absent, not a regular file, or larger than `MAX_BYTES`."""
    name = shlex.quote(str(path))
    command = (
        f"if [ -d {name} ]; then exit {_DIRECTORY}; elif [ ! -e {name} ]; then exit {_ABSENT}; "
        f"elif [ ! -f {name} ]; then exit {_IRREGULAR}; else exec head -c {MAX_BYTES + 1} -- {name}; fi"
    )
    result = await sandbox.exec(command, timeout=60, capture=2 * MAX_BYTES + 2)
    if result.exit_code == _DIRECTORY:
        raise IsDirectory(f"{path} is a directory")
    if result.exit_code == _ABSENT:
        raise FileAbsent(f"{path} does not exist")
    if not result.ok:
        reason = (
            "is not a regular file"
            if result.exit_code == _IRREGULAR
            else f"cannot be read: {result.output.text().strip()}"
        )
        raise ToolError(f"{path} {reason}")
    if result.output.total > MAX_BYTES:
        raise ToolError(f"{path} is larger than {MAX_BYTES} bytes; look at parts of it with the shell")
    return result.output.whole


async def read_text(sandbox: Sandbox, path: PurePosixPath) -> str:
    """The text of a file; bytes that are not UTF-8 become surrogates, which `write_text` writes as they were.

    Raises `ToolError`, also for a binary file.
    """
    data = await read_bytes(sandbox, path)
    if b"\0" in data[:8192]:
        raise ToolError(f"{path} is a binary file ({len(data)} bytes)")
    return data.decode("utf-8", "surrogateescape")


async def read_or_suggest(context: ToolContext, path: PurePosixPath) -> str:
    """`read_text`; the error for an absent file suggests which one may have been meant."""
    try:
        return await read_text(context.sandbox, path)
    except FileAbsent:
        close = await similar_paths(context, path)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    raise FileAbsent(f"{context.display_path(path)} does not exist.{meant}")


async def similar_paths(context: ToolContext, path: PurePosixPath, limit: int = 3) -> list[str]:
    """Files of the repository with a name similar to that of an absent one, the most similar first."""
    skipped = " -o ".join(f"-name {name}" for name in (".git", "node_modules", "__pycache__", ".venv", ".tox"))
    command = f"find . \\( {skipped} \\) -prune -o -type f -print 2>/dev/null | head -n {_MAX_LISTED}"
    result = await context.sandbox.exec(command, timeout=30, capture=4 << 20)
    paths = [line.removeprefix("./") for line in result.output.text().splitlines() if line.startswith("./")]
    wanted = context.display_path(path)
    by_name: dict[str, list[str]] = {}
    for each in paths:
        by_name.setdefault(each.rpartition("/")[2].lower(), []).append(each)
    names = difflib.get_close_matches(path.name.lower(), by_name, limit, _MIN_SIMILARITY)
    close = [each for name in names for each in sorted(by_name[name], key=lambda each: _distance(each, wanted))]
    return close[:limit]


def _distance(path: str, wanted: str) -> tuple[int, str]:
    """How many directories two paths do not have in common, as a sort key."""
    return len(set(path.split("/")) ^ set(wanted.split("/"))), path


async def write_bytes(sandbox: Sandbox, path: PurePosixPath, data: bytes) -> None:
    """Write a whole file and make its directories; its mode and links are kept. Raises `ToolError`."""
    name, parent = shlex.quote(str(path)), shlex.quote(str(path.parent))
    result = await sandbox.exec(f"mkdir -p -- {parent} && cat > {name}", stdin=data, timeout=60)
    if not result.ok:
        raise ToolError(f"{path} can't be written: {result.output.text().strip()}")


async def write_text(sandbox: Sandbox, path: PurePosixPath, text: str) -> None:
    """Write a text as `read_text` returns it. Raises `ToolError`."""
    await write_bytes(sandbox, path, text.encode("utf-8", "surrogateescape"))
