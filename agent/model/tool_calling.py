"""How a model is asked for tool calls: one of four modes, changed on evidence, the one that works remembered.

==============  =============================================================================================
native          the API's `tools`; the server parses the calls
text            the tools are described in the prompt, with the syntax of a call in the model's own dialect
begun           the same, and the reply is prefilled with the opening of a call
constrained     the reply is constrained by a schema under which it is exactly one call
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
from agent.files import PRIVATE, make_private, write_atomically
from agent.model.servers.base import Capabilities, Server
from agent.user_directories import home

TOOL_CALL_MODES: tuple[ToolCallMode, ...] = get_args(ToolCallMode)
REPLIES_BEFORE_NEXT_MODE = 2
"""So many replies without a call in a row lead to the next mode."""


def possible_modes(can: Capabilities) -> list[ToolCallMode]:
    """The modes that a server supports by its capabilities, in their order."""
    has = {
        "native": can.tools is not False,
        "text": True,
        "begun": can.continues,
        "constrained": bool(can.constrain),
    }
    return [mode for mode in TOOL_CALL_MODES if has[mode]]


@dataclass
class ToolCallPolicy:
    """The mode in which a session asks for tool calls. `mode` is always one of `modes`."""

    modes: list[ToolCallMode]
    mode: ToolCallMode
    replies_without_call: int = 0
    has_called: bool = False
    """Whether a reply in this mode had a call."""

    @classmethod
    def starting(cls, can: Capabilities, wanted: ToolCallMode) -> ToolCallPolicy:
        """The policy for a server, in the wanted mode or the next that it supports."""
        modes = possible_modes(can)
        later = [mode for mode in modes if TOOL_CALL_MODES.index(mode) >= TOOL_CALL_MODES.index(wanted)]
        return cls(modes, later[0] if later else modes[-1])

    def called(self) -> None:
        """Record a reply with a call."""
        self.replies_without_call = 0
        self.has_called = True

    def record_no_call(self) -> bool:
        """Record a whole reply without a call; returns whether that led to the next mode."""
        self.replies_without_call += 1
        at = self.modes.index(self.mode)
        if self.replies_without_call < REPLIES_BEFORE_NEXT_MODE or self.has_called or at + 1 == len(self.modes):
            return False
        self._switch_to(self.modes[at + 1])
        return True

    def refused(self) -> bool:
        """Record that the server refuses this mode's requests; returns whether there is another mode."""
        at = self.modes.index(self.mode)
        if len(self.modes) == 1:
            return False
        self.modes = self.modes[:at] + self.modes[at + 1 :]
        self._switch_to(self.modes[min(at, len(self.modes) - 1)])
        return True

    def _switch_to(self, mode: ToolCallMode) -> None:
        self.mode, self.replies_without_call, self.has_called = mode, 0, False


def memory_file() -> Path:
    """The file in which modes are remembered."""
    return home() / "models.json"


@dataclass
class ToolCallModeMemory:
    """The mode that worked for each model and server, in a file that may be deleted at any time."""

    path: Path = field(default_factory=memory_file)

    def recall(self, server: Server) -> ToolCallMode | None:
        """The mode remembered for a server's model, or None."""
        found = self._read().get(_key(server))
        mode = found.get("rung") if isinstance(found, Mapping) else None
        return mode if mode in TOOL_CALL_MODES else None

    def remember(self, server: Server, mode: ToolCallMode, why: str) -> None:
        """Remember a mode and why it was chosen. A file that can't be written is ignored: it only saves time."""
        known = self._read()
        entry = {"rung": mode, "why": why}
        if known.get(_key(server)) == entry:
            return
        known[_key(server)] = entry
        with suppress(OSError):
            make_private(self.path.parent)
            write_atomically(self.path, json.dumps(known, indent=1, sort_keys=True), mode=PRIVATE)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _key(server: Server) -> str:
    """The entry's key. The server's version is part of it: a newer one may do better."""
    return f"{server.title} · {server.model}"
