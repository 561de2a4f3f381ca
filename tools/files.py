"""Reading and writing files of the sandbox, from inside it."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from sandbox.protocol import Sandbox
from tools.base import ToolError

MAX_BYTES = 8 << 20


async def read_bytes(sandbox: Sandbox, place: PurePosixPath) -> bytes:
    """The bytes of a file. Raises `ToolError` when it is absent, no file, or larger than 8 MiB."""
    name = shlex.quote(str(place))
    command = (
        f"if [ -d {name} ]; then exit 91; elif [ ! -e {name} ]; then exit 92; "
        f"elif [ ! -f {name} ]; then exit 93; else exec head -c {MAX_BYTES + 1} -- {name}; fi"
    )
    result = await sandbox.exec(command, timeout=60, capture=2 * MAX_BYTES + 2)
    why = {91: "is a directory", 92: "does not exist", 93: "is not a regular file"}.get(result.exit_code)
    if why or not result.ok:
        raise ToolError(f"{place} {why or f'cannot be read: {result.output.text().strip()}'}")
    if result.output.total > MAX_BYTES:
        raise ToolError(f"{place} is larger than {MAX_BYTES} bytes; look at parts of it with the shell")
    return result.output.whole


async def read_text(sandbox: Sandbox, place: PurePosixPath) -> str:
    """The text of a file, UTF-8, bytes that are not kept as surrogates so that writing gives them back."""
    data = await read_bytes(sandbox, place)
    if b"\0" in data[:8192]:
        raise ToolError(f"{place} is a binary file ({len(data)} bytes)")
    return data.decode("utf-8", "surrogateescape")


async def write_bytes(sandbox: Sandbox, place: PurePosixPath, data: bytes) -> None:
    """Write a file whole, with its directories; mode and links are kept. Raises `ToolError`."""
    name, parent = shlex.quote(str(place)), shlex.quote(str(place.parent))
    result = await sandbox.exec(f"mkdir -p -- {parent} && cat > {name}", stdin=data, timeout=60)
    if not result.ok:
        raise ToolError(f"{place} can't be written: {result.output.text().strip()}")


async def write_text(sandbox: Sandbox, place: PurePosixPath, text: str) -> None:
    """`write_bytes` for what `read_text` gave."""
    await write_bytes(sandbox, place, text.encode("utf-8", "surrogateescape"))
