"""The servers a model may be behind; `open_server` finds out which one is."""

from agent.model.servers.base import Capabilities, Server, Window
from agent.model.servers.probe import open_server

__all__ = ["Capabilities", "Server", "Window", "open_server"]
