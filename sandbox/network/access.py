"""The network of one sandbox: closed, open as the host's is, or open to the allowed hosts through the proxy."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.network.environment import filtering_proxy_environment, proxy_environment

if TYPE_CHECKING:
    from sandbox.network.allowed import AllowedHosts
    from sandbox.network.proxy import FilteringProxy
    from sandbox.network.relay import Relay

PORT = 3128
"""The proxy's port inside a sandbox, on the loopback device of a network namespace that has nothing else."""


class NetworkAccess:
    """Whether a sandbox's network is open, and how. Methods may be called from any thread.

    `allowed` is set before the network is opened; None opens the host's network. `may_relay`: not the host's own, but a
    network stack of the sandbox's that a program on the host serves, where there is such a program.
    """

    def __init__(self, *, may_relay: bool = False) -> None:
        self.allowed: AllowedHosts | None = None
        self.relay = ""
        """The program that serves the sandbox's own network stack; empty for none."""
        self._may_relay = may_relay
        self._relays: list[Relay] = []
        self.open = False
        self._proxy: FilteringProxy | None = None

    @property
    def shared(self) -> bool:
        """Whether the sandbox is to be given the host's network."""
        return self.open and self.allowed is None

    @property
    def filtered(self) -> bool:
        """Whether the sandbox is to be given the proxy and nothing else."""
        return self.open and self.allowed is not None

    def environment(self) -> dict[str, str]:
        """The variables for clients in the sandbox."""
        if self.filtered:
            return filtering_proxy_environment(PORT)
        return proxy_environment() if self.open else {}

    def serve(self, listen: Callable[[int], socket.socket]) -> None:
        """Accept on the socket that `listen(port)` opens inside the sandbox. Raises what `listen` raises.

        Nothing is done where the network is closed or the host's.
        """
        if self.open and self.allowed is not None:
            from sandbox.network.proxy import FilteringProxy

            self._proxy = self._proxy or FilteringProxy(self.allowed)
            self._proxy.serve(listen(PORT))

    def start_relay(self, pid: int) -> None:
        """Where there is a relay: let it serve the network namespace of a process. Raises `SandboxUnavailable`."""
        if self.relay:
            from sandbox.network.relay import Relay

            self._relays.append(Relay(self.relay, pid))

    def switch(self, on: bool) -> None:
        """Open or close the network; closing ends its connections."""
        self.open = on
        self.relay = ""
        if on and self.allowed is None and self._may_relay:
            from sandbox.network.relay import find_relay

            self.relay = find_relay()
        while self._relays:
            self._relays.pop().stop()
        if not on and self._proxy is not None:
            self._proxy.stop()
            self._proxy = None
