"""The tools of a session: their schemas for the model, and running a call from its raw arguments."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from tools.apply_patch import ApplyPatch
from tools.base import Arguments, Observation, Tool, ToolContext, ToolError
from tools.edit_file import EditFile
from tools.find_symbol import FindSymbol
from tools.outline import Outline
from tools.plan import Plan
from tools.read_file import ReadFile
from tools.run_tests import RunTests
from tools.search import Search
from tools.shell import Shell
from tools.submit import Submit
from tools.undo import Undo
from tools.write_file import WriteFile

DEFAULT_TOOLS: tuple[Tool, ...] = (
    ReadFile(), Search(), EditFile(), WriteFile(), ApplyPatch(), Shell(), RunTests(), Submit(),
)  # fmt: skip
"""Those that the model is always offered; they are public interface."""

OPTIONAL_TOOLS: tuple[Tool, ...] = (Outline(), FindSymbol(), Plan(), Undo())
"""Those that a strategy may offer in addition."""


@cache
def parameters(arguments: type[Arguments]) -> dict[str, Any]:
    """A plain JSON schema of a tool's arguments, in the order of their declaration.

    A node has at most one key beside its type, since a server that keeps schemas in an unordered map renders several
    in an order that changes from request to request.
    """
    schema = arguments.model_json_schema()
    properties = {}
    for name, node in schema["properties"].items():
        kinds = [node] if "type" in node else [each for each in node["anyOf"] if each["type"] != "null"]
        properties[name] = {"type": kinds[0]["type"], "description": node["description"]}
    return {"type": "object", "properties": properties, "required": schema.get("required", [])}


class Registry:
    """A fixed set of tools."""

    def __init__(self, tools: Sequence[Tool] = DEFAULT_TOOLS) -> None:
        self._tools = {tool.name: tool for tool in tools}

    @property
    def names(self) -> list[str]:
        """The tools' names, in a fixed order."""
        return list(self._tools)

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as the chat completions API takes them; the same bytes every time."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": parameters(tool.arguments),
                },
            }
            for tool in self._tools.values()
        ]

    def parameters(self) -> dict[str, dict[str, Any]]:
        """The schema of each tool's arguments, by the tool's name."""
        return {name: parameters(tool.arguments) for name, tool in self._tools.items()}

    def reads_only(self, name: str) -> bool:
        """Whether a call of this tool leaves the workspace as it is; an unknown tool does nothing at all."""
        tool = self._tools.get(name)
        return tool is None or tool.reads_only

    async def run(self, context: ToolContext, name: str, arguments: str) -> Observation:
        """Run a call. What the model did wrong is in the observation. Raises `SandboxLost` and nothing else."""
        tool = self._tools.get(name)
        if tool is None:
            close = difflib.get_close_matches(name, self._tools, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            return Observation(f"there is no tool {name!r}.{hint} The tools: {', '.join(self._tools)}", ok=False)
        try:
            given = tool.arguments.model_validate(json.loads(arguments))
        except (ValueError, RecursionError) as error:
            return Observation(self._expected(tool, error), ok=False)
        try:
            seen = await tool.run(context, given)
        except ToolError as error:
            seen = Observation(str(error), ok=False)
        # surrogates, which stand for bytes that are not UTF-8, can be neither stored nor sent
        return replace(seen, text=seen.text.encode("utf-8", "replace").decode())

    @staticmethod
    def _expected(tool: Tool, error: Exception) -> str:
        if isinstance(error, ValidationError):
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in each['loc']) or 'arguments'}: {each['msg']}"
                for each in error.errors(include_url=False)[:5]
            )
        else:
            wrong = f"not valid JSON: {error}"
        shape = parameters(tool.arguments)
        fields = ", ".join(
            f"{name}: {node['type']}" + ("" if name in shape["required"] else " (optional)")
            for name, node in shape["properties"].items()
        )
        return f"the arguments of {tool.name} are wrong: {wrong}. Expected {{{fields}}}. Nothing was done."
