"""Holding a change to the rules on the host, and to the tests in a sandbox that the work could not reach."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from agent.repo.patch_policy import CheckedPatch
from agent.run.context import Work
from agent.run.reproduction import REPRODUCTION
from agent.session.events import Verification
from agent.verify.evidence import Verifier
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots
from tools.files import write_text


@dataclass(frozen=True)
class TestedPatch:
    """A change that kept the rules, and what the tests said of it; None where they were not asked."""

    patch: CheckedPatch
    verification: Verification | None = None


@dataclass(frozen=True)
class PatchVerifier:
    """Judges changes; `clean` is a sandbox forked before the work began."""

    clean: Sandbox

    async def check(self, work: Work, diff: bytes) -> CheckedPatch:
        """A diff out of a sandbox, held to the rules. Raises `PatchRejected`."""
        allow = work.settings.allow_workflows
        return await anyio.to_thread.run_sync(lambda: work.repository.check(diff, allow_workflows=allow))

    async def verify(self, work: Work, patch: CheckedPatch) -> Verification | None:
        """The evidence for a patch (see `Verifier.verify`); None for an empty one, or where no tests are known.

        Raises `SandboxLost`, `PatchRejected`.
        """
        return await _verify(work, patch, self.clean) if patch.data and work.tests else None

    async def verify_in_fork(self, work: Work, patch: CheckedPatch) -> Verification | None:
        """The same in a fork of the clean sandbox, which stays untouched by the patch's code for the next one.

        Raises `SandboxUnavailable` too.
        """
        if not patch.data or work.tests is None:
            return None
        fork = await self.clean.fork()
        try:
            return await _verify(work, patch, fork)
        finally:
            await fork.close(keep=False)


async def _verify(work: Work, patch: CheckedPatch, sandbox: Sandbox) -> Verification:
    assert work.tests is not None
    tests = TestRunner(sandbox, work.tests.command, timeout=work.settings.test_timeout)
    if work.reproduction:
        await write_text(sandbox, sandbox.workspace.private / REPRODUCTION, work.reproduction_script)
    return await Verifier(tests, Snapshots(sandbox), work.session.emit).verify(
        patch.data,
        patch.files,
        baseline=work.baseline,
        reproduction=work.reproduction,
        script=work.reproduction_script,
        known=work.baseline_report,
        flaky=work.flaky,
    )
