"""The protocol of a tool, its context and its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from sandbox.protocol import ExecResult, Sandbox


class Arguments(BaseModel):
    """Base of every tool's arguments. Unknown ones are refused, so that the model learns of a misspelt one."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True)
class Observation:
    """The result of a call: the text that the model is shown.

    `ok` is false if the call did not do what it was asked to. `meta` is for the program and the journal, not the model.
    """

    text: str
    ok: bool = True
    meta: dict[str, Any] = field(default_factory=dict)


class CodeLookup(Protocol):
    """Answers about the structure of the code, as text of at most about `tokens` tokens."""

    async def outline(self, path: str | None, tokens: int) -> str:
        """The definitions of a file, or the map of a directory or the repository. Raises `ToolError`, `SandboxLost`."""
        ...

    async def find(self, name: str, references: bool, tokens: int) -> str:
        """The definitions of a name with source, or with `references` its uses. Raises `ToolError`, `SandboxLost`."""
        ...


@dataclass
class ToolContext:
    """What tools work with; None and empty stand for what the session does not have."""

    sandbox: Sandbox
    observation_tokens: int = 10_000
    """At most about so many tokens of text in an observation."""
    command_seconds: float = 120.0
    """The time limit of a command for which the model gives none."""
    run_tests: Callable[[str | None, float | None], Awaitable[ExecResult]] | None = None
    """Runs the tests, all or one target, with a limit in seconds. Raises `ToolError`, `SandboxLost`."""
    test_command: str = ""
    code: CodeLookup | None = None
    syntax_errors: Callable[[str, str], list[str]] | None = None
    """A line of text for each syntax error of a file, given its path and its content."""
    undo: Callable[[], Awaitable[str]] | None = None
    """Undoes the last step that changed the workspace, and describes it. Raises `ToolError`, `SandboxLost`."""
    plan: str = ""
    """The latest plan, as the model gave it."""

    def resolve_path(self, path: str) -> PurePosixPath:
        """A path that the model gave as an absolute one. Raises `ToolError` when it is outside the workspace."""
        workspace = self.sandbox.workspace
        given = PurePosixPath(path.strip() or ".")
        absolute = given if given.is_absolute() else workspace.repo / given
        parts: list[str] = []
        for part in absolute.parts[1:]:
            if part == "..":
                del parts[-1:]
            else:
                parts.append(part)
        resolved = PurePosixPath("/", *parts)
        if not resolved.is_relative_to(workspace.root):
            raise ToolError(f"{path} is outside the workspace; the repository is at {workspace.repo}")
        return resolved

    def display_path(self, path: PurePosixPath) -> str:
        """An absolute path as the model is shown it: relative to the repository if it is inside."""
        repo = self.sandbox.workspace.repo
        return str(path.relative_to(repo)) if path.is_relative_to(repo) else str(path)


class ToolError(Exception):
    """A call that can't be done as asked. Its text, the observation, says why and what to do instead."""


class Tool(Protocol):
    """One tool. Those with `reads_only` leave the workspace unchanged and may run at the same time."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]
    reads_only: ClassVar[bool]

    async def run(self, context: ToolContext, arguments: Any) -> Observation:
        """Run a call. Raises `ToolError` for what the model can correct, `SandboxLost` when the sandbox is gone."""
        ...
