"""The one owner of a session's chosen change, and of how the session ends where something ends it early."""

from __future__ import annotations

from dataclasses import dataclass

from agent.repo.patch_policy import CheckedPatch
from agent.session.events import Ended, Verification


@dataclass(frozen=True)
class TestedPatch:
    """A change that kept the patch policy, and what the tests said of it; None where they were not run."""

    __test__ = False
    patch: CheckedPatch
    verification: Verification | None = None


class BestResult:
    """The best change so far, where that is not the one in the workspace, and the ending it would have.

    `patch` None means that the workspace's change is used. `ending` is how the session ends if a budget ends it now;
    None means that the work there is is not done.
    """

    def __init__(self) -> None:
        self._patch: TestedPatch | None = None
        self._ending: Ended | None = None

    @property
    def patch(self) -> TestedPatch | None:
        """The chosen change; None where the workspace's counts."""
        return self._patch

    @property
    def ending(self) -> Ended | None:
        """The ending if a budget ends the session now; None where the work that is there is not done."""
        return self._ending

    def choose(self, patch: TestedPatch, ending: Ended | None) -> None:
        """Take a change, and the ending it has where it is done."""
        self._patch, self._ending = patch, ending

    def replace_patch(self, patch: TestedPatch | None) -> None:
        """Take a change, or with None the workspace's; the ending stays as it is."""
        self._patch = patch

    def use_workspace(self, ending: Ended | None) -> None:
        """Take the workspace's change, which has this ending."""
        self._patch, self._ending = None, ending

    def set_ending(self, ending: Ended | None) -> None:
        """The change there is would end so; None where the workspace changed since and is not done."""
        self._ending = ending

    def with_patch(self, ended: Ended) -> Ended:
        """An ending that carries the chosen change, where the workspace has another."""
        return ended.model_copy(update={"patch": self._patch.patch.text}) if self._patch else ended
