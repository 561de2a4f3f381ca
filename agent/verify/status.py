"""The status of a session by its end and its evidence, and why a patch does not count as verified."""

from __future__ import annotations

from typing import Literal

from agent.session.events import Ended, Verification

Status = Literal["fixed", "unverified", "no_patch", "budget", "interrupted", "error"]


def status_of(ended: Ended, has_patch: bool, verification: Verification | None) -> Status:
    """The status of a session: `fixed` only where the evidence shows it and the session ended with a submit."""
    if ended.status == "interrupted":
        return "interrupted"
    if ended.status == "budget":
        return "budget"
    if ended.status == "failed":
        return "error"
    if not has_patch:
        return "no_patch"
    return "fixed" if ended.status == "submitted" and is_shown(verification) else "unverified"


def is_shown(verification: Verification | None) -> bool:
    """Whether the evidence shows that something is fixed and nothing is broken."""
    if verification is None:
        return False
    before, after = verification.before, verification.after
    if verification.shown is not None:
        return verification.shown
    return before is not None and after is not None and not before.passed and after.passed


def why_unverified(verification: Verification | None) -> str:
    """Why a patch does not count as verified, for the user."""
    return f"the patch is not verified: {_why(verification)}"


def _why(verification: Verification | None) -> str:
    if verification is None:
        return "no tests were run"
    before, after, command = verification.before, verification.after, verification.command
    why = "the model did not submit it"
    if verification.reason:
        return verification.reason
    if verification.broke:
        names = ", ".join(verification.broke[:3]) + (", …" if len(verification.broke) > 3 else "")
        why = f"with it these fail or are gone: {names}"
    elif verification.still_failing and not verification.fixes:
        why = f"what failed without it still fails: {verification.still_failing[0]}"
    elif after is None or not after.passed:
        why = f"with it, `{command}` fails"
    elif before is None or before.passed:
        why = f"`{command}` passes with it, but also without it"
    elif verification.shown is False:
        why = "no test that failed without it passes with it"
    return why
