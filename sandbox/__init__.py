"""Where commands run: one protocol (protocol.py), three implementations (docker.py, bubblewrap.py, local.py).

To add a sandbox in which bash can be run:

1. a subclass of `ShellSandbox` (base.py) with its three shells: a `SupervisedShell` where a process of the host can
   start the supervisor, or a class like it; beside them `start`, `revive`, `fork`, `fresh`, `network`, `rewind` and
   `close`, with the exceptions that the protocol lists;
2. its name in `KINDS` and `start_sandbox` of select.py, and in the setting `sandbox`;
3. its name in the fixture `kind` of tests/conftest.py: tests/sandbox/test_contract.py runs for each kind.

Anything else that runs commands implements `Sandbox` itself.
"""

from sandbox.protocol import ExecResult, Output, Sandbox, Workspace
from sandbox.select import open_sandbox

__all__ = ["ExecResult", "Output", "Sandbox", "Workspace", "open_sandbox"]
