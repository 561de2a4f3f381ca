"""Putting the program that signs a report into the sandbox, and checking its signature."""

from __future__ import annotations

import hashlib
import hmac
import importlib.resources
import re
import secrets
import shlex

from sandbox.protocol import Sandbox

SIGNATURE = "signature"
"""The file in the report's folder: the exit status, a space, the HMAC-SHA256 of status, line feed and report."""
MAX_SIGNATURE_BYTES = 200
_SIGNED = re.compile(r"(\d{1,3}) ([0-9a-f]{64})")
_SECONDS = 60.0


async def prepare_folder(sandbox: Sandbox, folder: str, program: str) -> str:
    """Make the folder for a report, empty but for `program` with a new key beside it; returns the key.

    The program reads the key and removes it before any code of the repository runs. Raises `SandboxLost`.
    """
    key = secrets.token_hex(16)
    commands = (
        f"rm -rf {shlex.quote(folder)}; mkdir -p {shlex.quote(folder)} && cd {shlex.quote(folder)} && touch began"
    )
    if not program:
        await sandbox.exec(commands, timeout=_SECONDS)
        return key
    source = importlib.resources.files(__package__).joinpath(program).read_bytes()
    write = f'{commands} && IFS= read -r key && printf %s "$key" >key && cat >{shlex.quote(program)}'
    await sandbox.exec(write, stdin=key.encode() + b"\n" + source, timeout=_SECONDS)
    return key


def is_signed(signature: bytes, key: str, report: bytes, *, passed: bool) -> bool:
    """Whether a signature is that of the report; a command that passed must have been signed with status 0."""
    found = _SIGNED.fullmatch(signature.decode("ascii", "replace"))
    if found is None or (passed and found[1] != "0"):
        return False
    expected = hmac.new(key.encode(), f"{found[1]}\n".encode() + report, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])
