"""Holding a change to the patch policy on the host, and to the tests in a sandbox that the work could not reach."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from agent.repo.patch_policy import CheckedPatch
from agent.run.context import RunContext
from agent.run.reproduction import REPRODUCTION, Reproduction
from agent.session.events import Verification
from agent.verify.evidence import Verifier
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots
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

    async def verify(self, patch: CheckedPatch) -> Verification | None:
        """The evidence for a patch (see `Verifier.verify`); None for an empty one, or where no tests are known.

        Raises `SandboxLost`, `PatchRejected`.
        """
        return await self._verify(patch, self.clean) if patch.data and self.context.tests else None

    async def verify_in_fork(self, patch: CheckedPatch) -> Verification | None:
        """The same in a fork of the clean sandbox, which stays untouched by the patch's code for the next one.

        Raises `SandboxUnavailable` too.
        """
        if not patch.data or self.context.tests is None:
            return None
        fork = await self.clean.fork()
        try:
            return await self._verify(patch, fork)
        finally:
            await fork.close(keep=False)

    async def _verify(self, patch: CheckedPatch, sandbox: Sandbox) -> Verification:
        context, reproduction = self.context, self.reproduction
        assert context.tests is not None
        tests = TestRunner(sandbox, context.tests.command, timeout=context.settings.test_timeout)
        if reproduction is not None:
            await write_text(sandbox, sandbox.workspace.private / REPRODUCTION, reproduction.script)
        return await Verifier(tests, Snapshots(sandbox), context.session.emit).verify(
            patch.data,
            patch.files,
            baseline=context.baseline.ran,
            reproduction=reproduction.command if reproduction else "",
            script=reproduction.script if reproduction else "",
            baseline_report=context.baseline.report,
            flaky=context.baseline.flaky,
        )
