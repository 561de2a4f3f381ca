"""How a model is asked for its tool calls: four modes, the next one taken on evidence, the one that works remembered.

==============  =============================================================================================
native          the API's `tools`; the server parses what its model wrote
text            the tools are described in the prompt, with how a call is written in the model's own dialect
begun           the same, and the reply is begun with the opening of a call
constrained     the reply is held to a schema under which it is exactly one call
==============  =============================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from agent.catalogue.modes import ToolCallMode
from agent.files import PRIVATE, write_atomically
from agent.model.servers.base import Capabilities, Server
from agent.user_directories import home

TOOL_CALL_MODES: tuple[ToolCallMode, ...] = get_args(ToolCallMode)
REPLIES_BEFORE_NEXT_MODE = 2
"""Replies without a call, in a row, before calls are asked for in another way."""


def possible_modes(can: Capabilities) -> list[ToolCallMode]:
    """The modes that a server has, by what it says of itself, in their order."""
    has = {
        "native": can.tools is not False,
        "text": True,
        "begun": can.continues,
        "constrained": bool(can.constrain),
    }
    return [mode for mode in TOOL_CALL_MODES if has[mode]]


@dataclass
class ToolCallPolicy:
    """How a session asks for its tool calls. `mode` is always one of `modes`."""

    modes: list[ToolCallMode]
    mode: ToolCallMode
    replies_without_call: int = 0
    has_called: bool = False
    """Whether a reply on this mode had a call."""

    @classmethod
    def starting(cls, can: Capabilities, wanted: ToolCallMode) -> ToolCallPolicy:
        """The policy for a server, in the wanted mode or the next that it has."""
        modes = possible_modes(can)
        later = [mode for mode in modes if TOOL_CALL_MODES.index(mode) >= TOOL_CALL_MODES.index(wanted)]
        return cls(modes, later[0] if later else modes[-1])

    def called(self) -> None:
        """A reply had a call."""
        self.replies_without_call = 0
        self.has_called = True

    def record_no_call(self) -> bool:
        """A whole reply had no call; whether that led to the next mode."""
        self.replies_without_call += 1
        at = self.modes.index(self.mode)
        if self.replies_without_call < REPLIES_BEFORE_NEXT_MODE or self.has_called or at + 1 == len(self.modes):
            return False
        self._switch_to(self.modes[at + 1])
        return True

    def refused(self) -> bool:
        """The server does not take this mode's requests; whether there is another one."""
        at = self.modes.index(self.mode)
        if len(self.modes) == 1:
            return False
        self.modes = self.modes[:at] + self.modes[at + 1 :]
        self._switch_to(self.modes[min(at, len(self.modes) - 1)])
        return True

    def _switch_to(self, mode: ToolCallMode) -> None:
        self.mode, self.replies_without_call, self.has_called = mode, 0, False


def memory_file() -> Path:
    """Where modes are remembered."""
    return home() / "models.json"


@dataclass
class ToolCallModeMemory:
    """The mode that worked, for each model and server; a file that may be deleted at any time."""

    path: Path = field(default_factory=memory_file)

    def recall(self, server: Server) -> ToolCallMode | None:
        """The mode remembered for a server's model, None when there is none."""
        found = self._read().get(_key(server))
        mode = found.get("rung") if isinstance(found, Mapping) else None
        return mode if mode in TOOL_CALL_MODES else None

    def remember(self, server: Server, mode: ToolCallMode, why: str) -> None:
        """Remember a mode. What can't be written is forgotten: it is a convenience."""
        known = self._read()
        entry = {"rung": mode, "why": why}
        if known.get(_key(server)) == entry:
            return
        known[_key(server)] = entry
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, json.dumps(known, indent=1, sort_keys=True), mode=PRIVATE)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _key(server: Server) -> str:
    """A newer server may do better: its version is part of the key."""
    return f"{server.title} · {server.model}"
