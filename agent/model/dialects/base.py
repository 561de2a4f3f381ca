"""The types of the dialects: what a parser is given and what it returns."""

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
    """The calls in a text, the dialect of the first, and the text before it (all of the text when there is none)."""

    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    content: str = ""


@dataclass(frozen=True)
class ParseResult:
    """The calls in a piece of text that ends at index `end`; without calls it is prose, or markup where `hidden`."""

    end: int
    calls: tuple[ToolCall, ...] = ()
    dialect: str = ""
    hidden: bool = False


@dataclass
class ParseContext:
    """The state of parsing one text. While `exact` is set only the tools' own names count, no aliases."""

    text: str
    tools: Tools
    exact: bool = False
    harmony: bool = False
    nested: bool = True
    """Whether calls inside the values of a call are still looked for. Cleared where that failed once, so that parsing
    takes time in proportion to the text."""
    _resolved: dict[str, str | None] = field(default_factory=dict)

    def resolve_tool(self, name: str) -> str | None:
        """The name of the tool that `name` means, or None."""
        if self.exact:
            return name if name in self.tools else None
        if name not in self._resolved:
            self._resolved[name] = resolve_tool(name, self.tools)
        return self._resolved[name]

    def calls_of(self, name: str, arguments: str) -> tuple[ToolCall, ...]:
        """The call of `name`, under the name the model wrote; none when it means no tool."""
        if self.resolve_tool(name) is None:
            return ()
        shown = name.encode("utf-8", "replace").decode()
        return (ToolCall(id=new_call_id(), name=shown, arguments=arguments),)

    def argument_types(self, name: str) -> dict[str, str]:
        """The types of a tool's arguments, as its schema names them."""
        properties = self.tools.get(self.resolve_tool(name) or "", {}).get("properties", {})
        return {key: str(node.get("type", "")) for key, node in properties.items() if isinstance(node, Mapping)}


Parser = Callable[[ParseContext, int], ParseResult | None]
"""Parses what may be a call and begins at an index of the text; None when it is prose."""


@dataclass(frozen=True)
class Dialect:
    """A format of calls. `opening` is how a reply that is a call begins; `note` says what the example can't show."""

    name: str
    opening: str
    write: Callable[[str, str], str]
    """Tool name and arguments string → the call as a model would write it."""
    note: str = ""

    def syntax(self, name: str = "TOOL", argument: str = "ARGUMENT", value: str = "VALUE") -> str:
        """The syntax of a call for a system prompt: an example and the note."""
        example = self.write(name, dumps({argument: value}))
        return f"{example}\n{self.note}".rstrip()


@dataclass(frozen=True)
class Family:
    """One markup of calls: what a module of this package has to give, listed once, in families.py.

    `name` is the family's group in one regular expression of all openers, so a Python identifier.
    """

    name: str
    opener: str
    """A regular expression for how a call begins, without groups."""
    prefixes: tuple[str, ...]
    """How the markup begins, as plain text: a streamed reply is not shown from there on until it is whole."""
    parse: Parser
    dialect: Dialect | None = None
    """How a call is written; None for a markup that is only read."""
