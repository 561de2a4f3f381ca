"""Holding a change to the patch policy on the host, and to the tests in a sandbox that the work could not reach."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from agent.repo.patch_policy import CheckedPatch
from agent.run.context import RunContext
from agent.run.reproduction import REPRODUCTION, Reproduction
from agent.session.events import Verification
from agent.verify.clean_runs import CleanRuns
from agent.verify.evidence import Verifier
from sandbox.protocol import Sandbox
from tools.files import write_text


@dataclass
class PatchVerifier:
    """Checks and verifies changes. `clean` is a sandbox forked before the work began.

    `reproduction` is what a change must satisfy beside the tests: set by the strategy that found it, else None.
    """

    context: RunContext
    clean: Sandbox
    reproduction: Reproduction | None = None

    async def check(self, diff: bytes) -> CheckedPatch:
        """A diff out of a sandbox, held to the policy. Raises `PatchRejected`."""
        repository, allowed = self.context.repository, self.context.settings.allowed_paths
        return await anyio.to_thread.run_sync(lambda: repository.check(diff, allowed=allowed))

    async def verify(self, patch: CheckedPatch, *, by_trying: bool = False) -> Verification | None:
        """The evidence for a patch (see `Verifier.verify`); None for an empty one, or where no tests are known.

        Raises `SandboxLost`, `SandboxUnavailable`, `PatchRejected`.
        """
        context, reproduction = self.context, self.reproduction
        if not patch.data or context.tests is None:
            return None
        runs = CleanRuns(
            self.clean,
            context.tests.command,
            timeout=context.settings.test_timeout,
            emit=context.session.emit,
            prepare=self._write_reproduction,
        )
        verifier = Verifier(
            runs,
            context.baseline,
            reproduction=reproduction.command if reproduction else "",
            script=reproduction.script if reproduction else "",
            issue=context.issue.text,
            repository_files=[entry.path for entry in context.repository.entries()],
            read_file=context.repository.read_file,
        )
        return await verifier.verify(patch.data, patch.files, by_trying=by_trying)

    async def _write_reproduction(self, sandbox: Sandbox) -> None:
        if self.reproduction is not None:
            await write_text(sandbox, sandbox.workspace.private / REPRODUCTION, self.reproduction.script)
