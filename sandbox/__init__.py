"""Where commands run: one protocol, three implementations (Docker, bubblewrap, local)."""

from sandbox.protocol import ExecResult, Output, Sandbox, Workspace
from sandbox.select import open_sandbox

__all__ = ["ExecResult", "Output", "Sandbox", "Workspace", "open_sandbox"]
