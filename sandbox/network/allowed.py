"""What a session lets its sandboxes reach, and what was refused: shared by all sandboxes of the session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.network.addresses import Address, Resolve, is_public, resolve
from sandbox.network.patterns import AllowList

_MAX_REFUSALS = 200  # remembered; the count goes on


@dataclass(frozen=True)
class Refusal:
    """What was asked for and why it was refused: a host and port, as far as they were understood, and the reason."""

    target: str
    reason: str
    host: str = ""
    """Set where the host's pattern is all that was missing."""


@dataclass(frozen=True)
class Limits:
    """The bounds of a proxy, in bytes and seconds. `sent` is what clients in the sandbox send."""

    connections: int = 64
    head_bytes: int = 16 << 10
    head_seconds: float = 15.0
    connect_seconds: float = 15.0
    idle_seconds: float = 180.0
    connection_seconds: float = 1800.0
    received_bytes: int = 16 << 30
    sent_bytes: int = 256 << 20


@dataclass
class AllowedHosts:
    """The allow-list, how names are resolved, which addresses may be reached, the limits, and what was refused."""

    hosts: AllowList
    resolve: Resolve = resolve
    may_reach: Callable[[Address], bool] = is_public
    limits: Limits = field(default_factory=Limits)
    refused_count: int = 0
    _refusals: dict[Refusal, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, patterns: Iterable[str]) -> AllowedHosts | None:
        """The hosts that the patterns allow; None for no patterns. Raises `UsageError`."""
        hosts = AllowList(patterns)
        return cls(hosts) if hosts else None

    def refuse(self, refusal: Refusal) -> None:
        """Remember what was refused. Called from the proxy's thread."""
        with self._lock:
            self.refused_count += 1
            if len(self._refusals) < _MAX_REFUSALS:
                self._refusals[refusal] = None

    def take_refusals(self) -> list[Refusal]:
        """What was refused since the last call, each once, in the order in which it came."""
        with self._lock:
            taken = list(self._refusals)
            self._refusals.clear()
        return taken
