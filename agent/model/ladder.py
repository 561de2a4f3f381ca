"""How a model is asked for its tool calls: four rungs, climbed on evidence and remembered.

==============  =============================================================================================
native          the API's `tools`; the server parses what its model wrote
text            the tools are described in the prompt, with how a call is written in the model's own dialect
begun           the same, and the reply is begun with the opening of a call
constrained     the reply is held to a schema under which it is exactly one call
==============  =============================================================================================
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from agent.config import home
from agent.model.servers.base import Capabilities, Server
from agent.model.types import Rung

RUNGS: tuple[Rung, ...] = get_args(Rung)
SILENT = 2
"""Replies without a call, in a row, before calls are asked for in another way."""


def possible_rungs(can: Capabilities) -> list[Rung]:
    """The rungs that a server has, by what it says of itself, in their order."""
    has = {
        "native": can.tools is not False,
        "text": True,
        "begun": can.continues,
        "constrained": bool(can.constrain),
    }
    return [rung for rung in RUNGS if has[rung]]


@dataclass
class Ladder:
    """Where on the ladder a session stands. `rung` is always one of `rungs`."""

    rungs: list[Rung]
    rung: Rung
    silent: int = 0
    heard: bool = False
    """Whether a reply on this rung had a call."""

    @classmethod
    def starting(cls, can: Capabilities, wanted: Rung) -> Ladder:
        """The ladder for a server, on the wanted rung or the next that it has."""
        rungs = possible_rungs(can)
        later = [rung for rung in rungs if RUNGS.index(rung) >= RUNGS.index(wanted)]
        return cls(rungs, later[0] if later else rungs[-1])

    def called(self) -> None:
        """A reply had a call."""
        self.silent = 0
        self.heard = True

    def stayed_silent(self) -> bool:
        """A whole reply had no call; whether that moved the ladder to its next rung."""
        self.silent += 1
        at = self.rungs.index(self.rung)
        if self.silent < SILENT or self.heard or at + 1 == len(self.rungs):
            return False
        self._stand_on(self.rungs[at + 1])
        return True

    def refused(self) -> bool:
        """The server does not take this rung's requests; whether there is another to stand on."""
        at = self.rungs.index(self.rung)
        if len(self.rungs) == 1:
            return False
        self.rungs = self.rungs[:at] + self.rungs[at + 1 :]
        self._stand_on(self.rungs[min(at, len(self.rungs) - 1)])
        return True

    def _stand_on(self, rung: Rung) -> None:
        self.rung, self.silent, self.heard = rung, 0, False


def memory_file() -> Path:
    """Where rungs are remembered."""
    return home() / "models.json"


@dataclass
class RungMemory:
    """The rung that worked, for each model and server; a file that may be deleted at any time."""

    path: Path = field(default_factory=memory_file)

    def recall(self, server: Server) -> Rung | None:
        """The rung remembered for a server's model, None when there is none."""
        found = self._read().get(_key(server))
        rung = found.get("rung") if isinstance(found, Mapping) else None
        return rung if rung in RUNGS else None

    def remember(self, server: Server, rung: Rung, why: str) -> None:
        """Remember a rung. What can't be written is forgotten: it is a convenience."""
        known = self._read()
        entry = {"rung": rung, "why": why}
        if known.get(_key(server)) == entry:
            return
        known[_key(server)] = entry
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".models-")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=1, sort_keys=True)
            Path(name).replace(self.path)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _key(server: Server) -> str:
    """A newer server may do better: its version is part of the key."""
    return f"{server.title} · {server.model}"
