"""The protocol of a tool, what it is given and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from sandbox.protocol import ExecResult, Sandbox


class Arguments(BaseModel):
    """Base of every tool's arguments; unknown ones are refused, so that a misspelt one is told."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True)
class Observation:
    """What the model is shown of a call. `ok` is false when the call did not do what it was asked to."""

    text: str
    ok: bool = True
    meta: dict[str, Any] = field(default_factory=dict)


class CodeLookup(Protocol):
    """Answers about the code's structure, as text within about `tokens`."""

    async def outline(self, path: str | None, tokens: int) -> str:
        """The definitions of a file, or the repository's map. Raises `ToolError`."""
        ...

    async def find(self, name: str, references: bool, tokens: int) -> str:
        """Where a name is defined, or with `references` who uses it. Raises `ToolError`."""
        ...


@dataclass
class ToolContext:
    """What tools work with. `observation_tokens` bounds an observation; `run_tests` runs the test command.

    `syntax_errors` gives a line of words for each syntax error of a text, by the path it has. `undo` puts the
    workspace back to before the last step that changed it and says what it did. `plan` is the latest plan.
    """

    sandbox: Sandbox
    observation_tokens: int = 10_000
    command_seconds: float = 120.0
    run_tests: Callable[[str | None, float | None], Awaitable[ExecResult]] | None = None
    test_command: str = ""
    code: CodeLookup | None = None
    syntax_errors: Callable[[str, str], list[str]] | None = None
    undo: Callable[[], Awaitable[str]] | None = None
    plan: str = ""

    def resolve_path(self, path: str) -> PurePosixPath:
        """The absolute place of a path the model gave; a `ToolError` when it lies outside the workspace."""
        workspace = self.sandbox.workspace
        given = PurePosixPath(path.strip() or ".")
        absolute = given if given.is_absolute() else workspace.repo / given
        parts: list[str] = []
        for part in absolute.parts[1:]:
            if part == "..":
                del parts[-1:]
            else:
                parts.append(part)
        place = PurePosixPath("/", *parts)
        if not place.is_relative_to(workspace.root):
            raise ToolError(f"{path} is outside the workspace; the repository is at {workspace.repo}")
        return place

    def display_path(self, place: PurePosixPath) -> str:
        """A place as the model is shown it: relative to the repository where it can be."""
        repo = self.sandbox.workspace.repo
        return str(place.relative_to(repo)) if place.is_relative_to(repo) else str(place)


class ToolError(Exception):
    """A call that can't be done as asked; its text is the observation."""


class Tool(Protocol):
    """One tool. `reads_only` ones may run beside each other and leave the workspace as it is."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]
    reads_only: ClassVar[bool]

    async def run(self, context: ToolContext, arguments: Any) -> Observation:
        """Do it. Raises `ToolError` for what the model can mend, `SandboxLost` when the sandbox is gone."""
        ...
