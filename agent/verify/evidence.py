"""The evidence that a patch fixes something: the tests without it and with it, in a clean copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.session.events import Ended, Event, TestsRan, Verification
from agent.verify.tests import TestRunner, outcome_of
from sandbox.snapshots import Snapshots

_TEST_FILE = re.compile(r"(^|/)(tests?|spec|__tests__)/|(^|/)(test_[^/]*|[^/]*_test)\.\w+$|\.(test|spec)\.\w+$")
_SECTION = re.compile(rb"(?=^diff --git )", re.MULTILINE)


def only_tests(patch: bytes, files: Sequence[str]) -> bytes:
    """The part of a patch that changes test files; empty when it changes none, or nothing else.

    `files` are the patch's, in its order.
    """
    chosen = [section for section, path in _sections(patch, files) if _TEST_FILE.search(path)]
    return b"".join(chosen) if len(chosen) < len(files) else b""


def without_changed_tests(patch: bytes, files: Sequence[str]) -> bytes:
    """The patch without what it does to test files that were there before; new ones stay."""
    return b"".join(
        section
        for section, path in _sections(patch, files)
        if not _TEST_FILE.search(path) or b"\nnew file mode " in section.split(b"\n@@", 1)[0]
    )


def _sections(patch: bytes, files: Sequence[str]) -> list[tuple[bytes, str]]:
    sections = [section for section in _SECTION.split(patch) if section]
    return list(zip(sections, files, strict=True)) if len(sections) == len(files) else []


@dataclass(frozen=True)
class Verifier:
    """Runs tests in clean copies of the repository; `emit` is told of each run.

    `tests` and `snapshots` are those of a sandbox that the agent could not reach.
    """

    tests: TestRunner
    snapshots: Snapshots
    emit: Callable[[Event], None]

    async def verify(
        self, patch: bytes, files: Sequence[str], *, baseline: TestsRan | None, reproduction: str = "", script: str = ""
    ) -> Verification:
        """The tests in a clean copy with the patch applied; beside them, their outcome without it.

        Where all tests pass without the patch (`baseline`), what is new is looked at: `reproduction`, a command that
        was found to fail (`script` is what it runs), else the test files the patch itself brings, run on the code
        as it was. Where tests failed before, they must pass as they were: a patch that changes them is run without
        that too. Raises `SandboxLost`, `PatchRejected`.
        """
        command = f"{reproduction} && {self.tests.command}" if reproduction else self.tests.command
        before = baseline
        if reproduction:
            before = await self._in_clean_copy(b"", "before", command)
        elif baseline is not None and baseline.passed and (tests := only_tests(patch, files)):
            before = await self._in_clean_copy(tests, "before", command)
        after = await self._in_clean_copy(patch, "after", command)
        if after.passed and baseline is not None and not baseline.passed:
            own = without_changed_tests(patch, files)
            if own != patch:
                after = await self._in_clean_copy(own, "after", command)
        return Verification(
            command=command,
            before=outcome_of(before) if before else None,
            after=outcome_of(after),
            reproduction=script,
        )

    async def _in_clean_copy(self, patch: bytes, phase: Literal["before", "after"], command: str) -> TestsRan:
        await self.snapshots.enter_pristine(patch)
        try:
            ran = await self.tests.run(phase, command=command)
        finally:
            await self.snapshots.leave_pristine()
        self.emit(ran)
        return ran


Status = Literal["fixed", "unverified", "no_patch", "budget", "interrupted", "error"]


def status_of(ended: Ended, has_patch: bool, verification: Verification | None) -> Status:
    """What a session came to. `fixed` only where the tests failed without the patch and pass with it."""
    if ended.status == "interrupted":
        return "interrupted"
    if ended.status == "budget":
        return "budget"
    if ended.status == "failed":
        return "error"
    if not has_patch:
        return "no_patch"
    before, after = (verification.before, verification.after) if verification else (None, None)
    if ended.status == "submitted" and before and after and not before.passed and after.passed:
        return "fixed"
    return "unverified"


def why_unverified(verification: Verification | None) -> str:
    """Why a patch does not count as verified, in words for the user."""
    if verification is None:
        return "the patch is not verified: no tests were run"
    before, after = verification.before, verification.after
    command = verification.command
    if after is None or not after.passed:
        return f"the patch is not verified: with it, `{command}` fails"
    if before is None or before.passed:
        return f"the patch is not verified: `{command}` passes with it, but also without it"
    return "the patch is not verified: the model did not submit it"
