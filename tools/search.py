"""`search`: a regular expression over the repository's files, by ripgrep where the sandbox has it, else grep."""

from __future__ import annotations

import shlex
from typing import ClassVar

from pydantic import Field

from agent.text import truncate
from tools.base import Arguments, Observation, ToolContext, ToolError

_SKIPPED_DIRECTORIES = (".git", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".pytest_cache")
_SECONDS = 60


class SearchArguments(Arguments):
    """Arguments of `search`."""

    pattern: str = Field(description="regular expression")
    path: str = Field(".", description="file or directory to look in")
    glob: str | None = Field(None, description="only files whose name matches, like *.py")
    max_results: int = Field(50, description="most lines to show", ge=1, le=1000)


class Search:
    """Finds lines."""

    name: ClassVar[str] = "search"
    description: ClassVar[str] = "Find lines that match a regular expression in the repository's files."
    arguments: ClassVar[type[Arguments]] = SearchArguments
    reads_only: ClassVar[bool] = True

    async def run(self, context: ToolContext, arguments: SearchArguments) -> Observation:
        """Matches as `path:line:text`, in the order of paths."""
        path = context.resolve_path(arguments.path)
        if not arguments.pattern:
            raise ToolError("the pattern is empty")
        rg = ["rg", "--line-number", "--no-heading", "--with-filename", "--color=never", "--sort=path"]
        rg += ["--max-columns=300", "--max-columns-preview", "--hidden", "--glob=!.git"]
        rg += [f"--glob={arguments.glob}"] if arguments.glob else []
        grep = ["grep", "-rnHIE", "--color=never", *(f"--exclude-dir={name}" for name in _SKIPPED_DIRECTORIES)]
        grep += [f"--include={arguments.glob}"] if arguments.glob else []
        shown = context.display_path(path)
        tail = ["-e", arguments.pattern, "--", shown]
        limit = arguments.max_results + 1
        command = (
            f"set -o pipefail; if command -v rg >/dev/null; then {shlex.join([*rg, *tail])}; "
            f"else {shlex.join([*grep, *tail])}; fi 2>&1 | head -n {limit} | cut -c1-400"
        )
        result = await context.sandbox.exec(command, timeout=_SECONDS)
        lines = [line.removeprefix("./") for line in result.output.text().splitlines()]
        if result.exit_code == 2:
            raise ToolError("\n".join(lines[:5]) or "the search failed")
        if not lines:
            where = "" if shown == "." else f" in {shown}"
            return Observation(f"nothing matches {arguments.pattern!r}{where}")
        if len(lines) > arguments.max_results:
            lines[-1] = f"[... more than {arguments.max_results} lines match: narrow the pattern, path or glob ...]"
        return Observation(truncate("\n".join(lines), context.observation_tokens))
