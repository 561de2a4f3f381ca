"""The evidence that a patch fixes something: the tests without it and with it, in a clean copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from agent.forge.patch import CheckedPatch
from agent.session.events import Ended, TestsRan, Verification
from agent.verify.tests import outcome_of

if TYPE_CHECKING:
    from agent.strategy.work import Work

_TEST_FILE = re.compile(r"(^|/)(tests?|spec|__tests__)/|(^|/)(test_[^/]*|[^/]*_test)\.\w+$|\.(test|spec)\.\w+$")
_SECTION = re.compile(rb"(?=^diff --git )", re.MULTILINE)


def only_tests(patch: CheckedPatch) -> bytes:
    """The part of a patch that changes test files; empty when it changes none, or nothing else."""
    sections = [section for section in _SECTION.split(patch.data) if section]
    if len(sections) != len(patch.files):
        return b""
    chosen = [
        section
        for section, path in zip(sections, patch.files, strict=True)
        if _TEST_FILE.search(path)
    ]
    return b"".join(chosen) if len(chosen) < len(sections) else b""


async def verify(work: Work, patch: CheckedPatch) -> Verification | None:
    """Run the tests in a clean copy with the patch applied; beside them, their outcome without it.

    Where all tests pass without the patch, what is new is looked at: a reproduction that was found, else the test
    files the patch itself brings, run on the code as it was. Raises `SandboxLost`.
    """
    if work.tests is None:
        return None
    command = work.tests.command
    if work.reproduction:
        command = f"{work.reproduction} && {command}"
    before = work.baseline
    if work.reproduction:
        before = await _in_clean_copy(work, b"", "before", command)
    elif before is not None and before.passed:
        tests = only_tests(patch)
        if tests:
            before = await _in_clean_copy(work, tests, "before", command)
    after = await _in_clean_copy(work, patch.data, "after", command)
    script = ""
    if work.reproduction:
        from tools.files import read_text

        script = await read_text(work.sandbox, work.sandbox.workspace.private / "reproduction.py")
    return Verification(
        command=command,
        before=outcome_of(before) if before else None,
        after=outcome_of(after),
        reproduction=script,
    )


async def _in_clean_copy(work: Work, patch: bytes, phase: Literal["before", "after"], command: str) -> TestsRan:
    assert work.tests is not None
    await work.snapshots.enter_pristine(patch)
    try:
        ran = await work.tests.run(phase, command=command)
    finally:
        await work.snapshots.leave_pristine()
    work.session.emit(ran)
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
