"""What every dialect is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.model.dialects.json_text import dumps
from agent.model.dialects.names import resolve_tool
from agent.model.types import ToolCall, new_call_id

Tools = Mapping[str, Mapping[str, Any]]
"""The tools' names and the JSON schemas of their arguments."""

NAME = r"[A-Za-z_][\w.:/-]{0,127}"
"""A tool's name inside markup, as a regular expression."""


@dataclass(frozen=True)
class TextCalls:
    """Calls found in a text, what dialect the first was in, and the text before it (all of it when there is none)."""

    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    content: str = ""


@dataclass(frozen=True)
class ParseResult:
    """What a reader made of a piece of text that ends at `end`: calls, or prose, or (`hidden`) neither."""

    end: int
    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    hidden: bool = False


@dataclass
class ParseContext:
    """One text being read. Where `exact` is set a tool's name counts only when it is written as the tool's own."""

    text: str
    tools: Tools
    exact: bool = False
    harmony: bool = False
    nested: bool = True
    """Whether calls inside the values of a call are still looked for: a text on which that failed is not asked twice,
    so that context takes time in proportion to the text."""
    _resolved: dict[str, str | None] = field(default_factory=dict)

    def resolve_tool(self, name: str) -> str | None:
        """The tool meant by `name`, or None."""
        if self.exact:
            return name if name in self.tools else None
        if name not in self._resolved:
            self._resolved[name] = resolve_tool(name, self.tools)
        return self._resolved[name]

    def calls_of(self, name: str, arguments: str) -> tuple[ToolCall, ...]:
        """The call of `name`, under the name the model wrote; nothing when no tool is meant by it."""
        if self.resolve_tool(name) is None:
            return ()
        shown = name.encode("utf-8", "replace").decode()
        return (ToolCall(id=new_call_id(), name=shown, arguments=arguments),)

    def argument_types(self, name: str) -> dict[str, str]:
        """The types of a tool's arguments, as its schema names them."""
        properties = self.tools.get(self.resolve_tool(name) or "", {}).get("properties", {})
        return {key: str(node.get("type", "")) for key, node in properties.items() if isinstance(node, Mapping)}


Parser = Callable[[ParseContext, int], ParseResult | None]
"""Reads what may be a call and begins at a place in the text; None when it is prose."""


@dataclass(frozen=True)
class Dialect:
    """One way of writing calls. `opening` is how a reply that is a call begins; `note` completes the example."""

    name: str
    opening: str
    write: Callable[[str, str], str]
    """A call of a tool with an arguments string, as a model would write it."""
    note: str = ""

    def syntax(self, name: str = "TOOL", argument: str = "ARGUMENT", value: str = "VALUE") -> str:
        """How to write a call, for a system prompt: an example, and what it does not show."""
        example = self.write(name, dumps({argument: value}))
        return f"{example}\n{self.note}".rstrip()
