"""Runs the command that prepares a repository's environment, the same way for a session and for scoring."""

from __future__ import annotations

from typing import Literal

import anyio

from sandbox.protocol import ExecResult, Sandbox

SETUP_SECONDS = 1800.0
"""The longest a setup command may take."""
_CAPTURE_BYTES = 64 << 10

Network = Literal["none", "setup", "allow"]


async def run_setup_command(sandbox: Sandbox, command: str, network: Network) -> ExecResult:
    """Run a setup command; with `setup`, the network is on while it runs. Raises `SandboxLost`."""
    if network == "setup":
        await sandbox.network(True)
    try:
        return await sandbox.exec(command, timeout=SETUP_SECONDS, capture=_CAPTURE_BYTES)
    finally:
        if network == "setup":
            with anyio.CancelScope(shield=True):
                await sandbox.network(False)
