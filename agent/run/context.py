"""What both strategies work with, and the budgets they keep."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from agent.backend import Backend
from agent.config import Settings
from agent.context.budget import TokenMeter, WindowBudget
from agent.context.prompt_cache import PrefixMonitor
from agent.environment.detect_tests import lacks_environment
from agent.errors import BackendRefused, PatchRejected
from agent.forge.issue import Issue
from agent.model.types import OnText, OnWait, Reply, Request, Sampling
from agent.repo.host import HostRepository
from agent.session.events import Ended, ModelReplied, SandboxRestarted, SnapshotTaken, TestsRan, UserSaid, Warned
from agent.session.patch_store import PatchStore
from agent.session.session import Session
from agent.session.state import State
from agent.verify.reports.cases import TestReport
from agent.verify.selection import ran_nothing
from agent.verify.suite import TestRunner
from sandbox.protocol import Sandbox
from sandbox.snapshots import Snapshots
from tools import Registry, ToolContext

if TYPE_CHECKING:
    from agent.run.verification import PatchVerifier, TestedPatch

REFUSED = {400, 404, 415, 422, 500, 501}
"""Statuses by which servers tell that they don't know tools, or schemas."""


@dataclass
class Work:
    """One attempt at one issue: everything a strategy needs."""

    session: Session
    settings: Settings
    issue: Issue
    repository: HostRepository
    backend: Backend
    sandbox: Sandbox
    snapshots: Snapshots
    registry: Registry
    tools: ToolContext
    budget: WindowBudget
    base_tree: str
    tests: TestRunner | None = None
    baseline: TestsRan | None = None  # the tests without a change, the flaky ones left out
    baseline_report: TestReport | None = None
    flaky: frozenset[str] = frozenset()  # tests that fail and pass at random at the base commit
    instructions: str = ""
    sources: dict[str, str] = field(default_factory=dict)  # path → text at the base commit, for the guided strategy
    ranked: dict[tuple[str, int], float] = field(default_factory=dict)  # places that match the issue, by the index
    executed: frozenset[tuple[str, int]] = frozenset()  # functions that the reproduction runs: path, first line
    crlf: set[str] = field(default_factory=set)  # those of them whose lines end in CRLF, in `sources` in LF
    reproduction_script: str = ""
    reproduction: str = ""  # a command that fails on the base commit and must pass, found by a strategy
    notes: str = ""  # what another strategy found out, for the opening of an agent's prompt
    changes: PatchStore | None = None  # where the host keeps what is in the workspace
    judge: PatchVerifier | None = None
    chosen: TestedPatch | None = None  # the session's change where it is not the one in the workspace
    fallback: Ended | None = None  # how it ends if a budget ends it now: work that was done, but not ended yet
    meter: TokenMeter = field(default_factory=TokenMeter)
    prefix: PrefixMonitor = field(default_factory=PrefixMonitor)
    on_text: OnText = lambda _: None
    on_wait: OnWait = lambda _: None
    on_call: Callable[[int], None] = lambda _: None

    def warn(self, message: str) -> None:
        """Tell the user."""
        self.session.emit(Warned(message=message))

    def tell(self, text: str) -> None:
        """Say something to the model."""
        self.session.emit(UserSaid(content=text))
        self.meter.add(text)

    def exhausted(self) -> str:
        """Which budget is used up, in words; empty when none is. The time limit is kept by the loop."""
        return spent(self.session.state, self.settings)

    @property
    def mute(self) -> bool:
        """Whether the tests can't run for want of what they need, or none is there: they tell nothing of a change."""
        ran = self.baseline
        if ran is None or ran.passed or ran.failures:
            return False
        return lacks_environment(ran.output, ran.exit_code) or ran_nothing(ran)

    @property
    def room(self) -> int:
        """The tokens that are left for a reply to the next prompt."""
        return self.budget.window - self.meter.upper_bound

    def reply_tokens(self, wanted: int | None = None) -> int:
        """The most tokens the next reply may have, by what the window has left and the budget."""
        longest = self.budget.longest_reply
        most = min(wanted or longest, longest, self.room)
        if self.settings.max_tokens:
            most = min(most, self.settings.max_tokens - self.session.state.usage.completion_tokens)
        return max(most, 16)

    def sampling(self, temperature: float, number: int) -> Sampling:
        """The sampling of a candidate: the user's temperature if one was given, and a seed of its own."""
        own = self.backend.sampling
        if self.settings.temperature is not None:
            temperature = self.settings.temperature
        seed = None if own.seed is None else own.seed * 1000 + number
        return replace(own, temperature=temperature, seed=seed)

    async def ask(self, request: Request, on_text: OnText | None = None, on_retry: OnText | None = None) -> Reply:
        """A reply, not journalled yet; its text and retries are told as usual, or as given. Raises `BackendError`s."""
        told, retried = on_text or self.on_text, on_retry or self.warn
        return await self.backend.client.complete(request, told, retried, self.on_wait)

    async def complete_structured(self, request: Request) -> Reply:
        """A reply held to the request's schema, or where the server does not know schemas, left free."""
        try:
            return await self.ask(request)
        except BackendRefused as error:
            if request.json_schema is None or error.status not in REFUSED:
                raise
        return await self.ask(replace(request, json_schema=None))

    def replied(self, reply: Reply, purpose: str) -> ModelReplied:
        """The event for a reply to a question of the program's own."""
        return ModelReplied(
            content=reply.content,
            reasoning=reply.reasoning,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            seconds=round(reply.seconds, 3),
            purpose=purpose,
            parsed="",
        )

    async def snapshot(self) -> str:
        """Take a snapshot, journalled when something changed; the tree's id."""
        tree, taken = await self.look()
        self.session.emit(*taken)
        return tree

    async def look(self) -> tuple[str, list[SnapshotTaken]]:
        """Take a snapshot; the tree's id, and the event to journal where something changed.

        The change is on the host's disk by then. Raises `JournalWriteFailed`.
        """
        tree = await self.snapshots.take()
        if tree == (self.session.state.tree or self.base_tree):
            return tree, []
        if self.changes is not None:
            try:
                self.changes.write(tree, await self.snapshots.diff(self.base_tree, tree))
            except PatchRejected:
                self.changes.forget_latest()
        return tree, [SnapshotTaken(tree=tree)]

    async def diff(self) -> bytes:
        """The workspace's change from the base commit. Raises `PatchRejected` for one that is too long."""
        return await self.snapshots.diff(self.base_tree, await self.snapshot())

    async def restore(self, tree: str) -> None:
        """Put the workspace back to a tree, journalled."""
        await self.snapshots.restore(tree)
        await self.snapshot()

    @asynccontextmanager
    async def put_back(self) -> AsyncGenerator[None, None]:
        """Put the workspace back to the base commit where what runs in it is ended before its time."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self.snapshots.restore(self.base_tree)
            raise

    async def revive(self, reason: str) -> None:
        """Start a lost sandbox again. Raises `SandboxUnavailable`."""
        await self.sandbox.revive()
        self.session.emit(SandboxRestarted(reason=reason))


def spent(state: State, settings: Settings) -> str:
    """Which budget of steps or tokens is used up, in words; empty when none is."""
    if state.steps >= settings.max_steps:
        return f"the budget of {settings.max_steps} steps is used up"
    if settings.max_tokens and state.usage.completion_tokens >= settings.max_tokens:
        return f"the budget of {settings.max_tokens} generated tokens is used up"
    return ""


def now() -> float:
    """A clock for measuring durations, in seconds."""
    return time.monotonic()
