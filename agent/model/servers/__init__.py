"""The kinds of model servers; `open_server` finds out which one is at an address."""

from agent.model.servers.base import Capabilities, Server, Window
from agent.model.servers.probe import open_server

__all__ = ["Capabilities", "Server", "Window", "open_server"]
